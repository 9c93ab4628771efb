import Coordinator
package import Rollouts
package import RunStore

/// A run with work: its records, what they merge to, and its report.
package struct WorkedRun: Sendable {
  /// What a merge has come to.
  package struct Merged: Equatable, Sendable {
    /// One line: how many items there are, and how many are missing.
    package var words: String
    /// Of record files that are wrong from some byte on, in words; what is before it was used.
    package var damages: [String]
    /// Whether every planned item is there.
    package var isComplete: Bool
  }

  /// The items of its work.
  package let plan: WorkPlan
  private let directory: RunDirectory

  /// - Parameters:
  ///   - reference: A run's folder, its id, or a name for the newest run of that name.
  ///   - root: Of all runs.
  package init(_ reference: String, in root: String) throws(RunFault) {
    try self.init(RunFault.storing { try RunList(root: root).run(reference) })
  }

  package init(_ run: LiveRun) throws(RunFault) {
    try self.init(run.directory)
  }

  private init(_ directory: RunDirectory) throws(RunFault) {
    self.directory = directory
    self.plan = try RunFault.storing {
      guard let plan = try directory.workPlan() else {
        throw RunStoreError.damaged(path: directory.workPlanPath, reason: "this run has no work")
      }
      return plan
    }
  }

  /// Where each planned item is once, or not at all.
  package var mergedRecordsPath: String { "\(self.directory.mergedPath)/records.jsonl" }

  /// The right to work on it, of one process at a time.
  package func lock(holder: String) throws(RunFault) -> RunLock {
    do throws(RunStoreError) {
      return try RunLock(self.directory, holder: holder)
    } catch {
      throw RunFault(error)
    }
  }

  /// Merges what it has, again or for the first time; whoever does it holds the ``lock(holder:)``.
  package func merge() throws(RunFault) -> Merged {
    let summary = try RunFault.storing {
      try MergeWriter(run: self.directory, plan: self.plan).merge()
    }
    return Merged(
      words: "merged \(summary.merged) of \(summary.planned) items, \(summary.missing) missing, "
        + "\(summary.conflicts) conflicts, \(summary.rejected) rejected",
      damages: summary.damaged, isComplete: summary.missing == 0)
  }

  /// What the last merge says.
  package func report() throws(RunFault) -> Report {
    try RunFault.storing { try self.directory.report(of: self.plan) }
  }
}
