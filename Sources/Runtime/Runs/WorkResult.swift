import Coordinator
package import Rollouts
package import RunStore

/// What has come of a run's work, on this machine's disk.
package struct WorkResult: Sendable {
  private let directory: RunDirectory
  package let plan: WorkPlan

  /// - Throws: `RunFault` where the run has no work.
  package init(of run: LiveRun) throws(RunFault) {
    try self.init(run.directory)
  }

  /// - Parameters:
  ///   - run: A run's folder, its id, or a name for the newest run of that name.
  ///   - root: The folder of all runs.
  /// - Throws: `RunFault` where there is no such run, or it has no work.
  package init(ofRun run: String, in root: String) throws(RunFault) {
    try self.init(RunFault.storing { try RunList(root: root).run(run) })
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

  /// Of the merged file.
  package var recordsPath: String { "\(self.directory.mergedPath)/records.jsonl" }

  /// Merges what the run has, again or for the first time; its lock must be held.
  package func merge() throws(RunFault) -> MergeSummary {
    try RunFault.storing { try MergeWriter(run: self.directory, plan: self.plan).merge() }
  }

  /// Merges, and reports what came of it.
  package func conclude() throws(RunFault) -> (merge: MergeSummary, report: Report) {
    try RunFault.storing {
      let reader = ReportReader(plan: self.plan, layout: ReportLayout(ofKindOf: self.plan))
      let merge = try MergeWriter(run: self.directory, plan: self.plan).merge {
        reader.add($1, of: $0)
      }
      return (merge, try reader.report(of: merge, in: self.directory))
    }
  }

  /// What the last merge says.
  package func report() throws(RunFault) -> Report {
    try RunFault.storing {
      try ReportReader.report(
        of: self.directory, plan: self.plan, layout: ReportLayout(ofKindOf: self.plan))
    }
  }

  /// Held by one process at a time, which merges or has work done.
  ///
  /// - Parameter holder: Who takes it, for the one who does not get it.
  package func lock(holder: String) throws(RunFault) -> RunLock {
    try RunFault.storing { try RunLock(self.directory, holder: holder) }
  }
}
