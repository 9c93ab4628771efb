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
    guard let run = try self.evalUnderWay() else { return nil }
    var (tails, count): ([String: RecordFileTail], UInt64) = ([:], 0)
    for node in try RunFault.storing({ try run.recordedNodes() }) {
      let path = run.recordFilePath(of: node)
      var tail = self.tails[path] ?? RecordFileTail(path: path)
      do throws(FileFault) {
        try tail.look()
      } catch {
        throw RunFault(.file(error))
      }
      tails[path] = tail
      count += tail.itemCount
    }
    self.tails = tails
    return count
  }

  private func evalUnderWay() throws(RunFault) -> RunDirectory? {
    try RunFault.storing {
      for run in try self.list.runs(named: self.name) where !run.isFinished {
        if try run.workPlan() != nil { return run }
      }
      return nil
    }
  }
}
