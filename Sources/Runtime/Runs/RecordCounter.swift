import Plan
import RecordFiles
import RunStore

/// Counts the records of the newest eval of a manifest that is not finished.
package struct RecordCounter: Sendable {
  private let list: RunList
  private let name: String
  private var tails: [String: RecordFileTail] = [:]

  package init(_ fleet: FleetContext) {
    self.list = RunList(root: fleet.runsFolder)
    self.name = fleet.plan.name
  }

  /// Blocks for reading.
  ///
  /// - Returns: `nil` where no eval is under way.
  package mutating func count() throws(RunFault) -> UInt64? {
    let underWay = try RunFault.storing {
      try self.list.runs(named: self.name).first { !$0.isFinished && $0.hasWorkPlan }
    }
    guard let run = underWay else { return nil }
    return try RunFault.storing {
      try run.recordedNodes().reduce(0) { count, node in
        let path = run.recordFilePath(of: node)
        try self.tails[path, default: RecordFileTail(path: path)].look()
        return count + (self.tails[path]?.itemCount ?? 0)
      }
    }
  }
}
