import Coordinator
package import Fleet
import Plan
import RecordFiles
import RunStore

/// The runs of a folder as this machine has them.
package enum OldRuns {
  /// All, or those of one name. Blocks for reading.
  ///
  /// - Parameter root: Such as `runs`; one that is not there has no runs.
  package static func here(
    in root: String, named name: String? = nil
  ) throws(RunFault) -> [(id: RunID, name: String, here: RunInventory.Here)] {
    try RunFault.storing {
      try RunList(root: root).runs(named: name).map { run in
        // What cannot be read any more may go as well.
        let plan = try? Plan(json: try run.plan())
        let hasWork = (try? run.workPlan()) ?? nil != nil
        let hasRecords = ((try? run.recordedNodes()) ?? []).isEmpty == false
        return (
          run.id, run.name,
          RunInventory.Here(
            size: FolderTree.size(of: run.path), isFinished: run.isFinished,
            worker: try RunLock.holder(of: run),
            isUnmerged: hasWork && hasRecords && !run.isFinished,
            nodes: Set(plan?.nodes.map(\.name) ?? []))
        )
      }
    }
  }
}
