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
    var (tails, count): ([String: RecordFileTail], UInt64) = ([:], 0)
    try RunFault.storing {
      for node in try run.recordedNodes() {
        let path = run.recordFilePath(of: node)
        var tail = self.tails[path] ?? RecordFileTail(path: path)
        try tail.look()
        tails[path] = tail
        count += tail.itemCount
      }
    }
    self.tails = tails
    return count
  }
}
