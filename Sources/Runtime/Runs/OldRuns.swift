package import Coordinator
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
        let plan = try? Plan(json: try run.plan())
        let hasRecords = ((try? run.recordedNodes()) ?? []).isEmpty == false
        return (
          run.id, run.name,
          RunInventory.Here(
            size: FolderTree.size(of: run.path), isFinished: run.isFinished,
            worker: RunLock.holder(of: run),
            isUnmerged: run.hasWorkPlan && hasRecords && !run.isFinished,
            nodes: plan.map { Set($0.nodes.map(\.name)) })
        )
      }
    }
  }
}

/// What removing runs has come to.
package struct RunPruning: Equatable, Sendable {
  package struct Removed: Equatable, Sendable {
    package var id: RunID
    /// What it took of this machine's disk, in bytes.
    package var size = 0
    /// What it took of the disks of nodes.
    package var nodeSizes: [String: Int] = [:]
  }

  package var removed: [Removed] = []
  /// Why something is still there.
  package var refusals: [Diagnostic] = []

  package init() {}
}

extension FleetContext {
  /// The runs of the manifest's name, here and on its nodes.
  ///
  /// - Parameter isMeasured: Says sizes too.
  package func inventory(
    isMeasured: Bool
  ) async throws(RunFault) -> (inventory: RunInventory, faults: [NodeFault]) {
    let name = self.plan.name
    let answers = await NodeErrand.each(self.plan.nodes, open: self.errands) { errand in
      try await errand.runs(named: name, addsSizes: isMeasured)
    }
    var (nodes, faults): ([String: [NodeRun]], [NodeFault]) = ([:], [])
    for (node, result) in answers {
      switch result {
      case .success(let runs): nodes[node.name] = runs.filter { $0.name == name }
      case .failure(let fault): faults.append(fault)
      }
    }
    let here = try OldRuns.here(in: self.runsFolder, named: name)
    return (RunInventory(here: here, nodes: nodes, silent: Set(faults.map(\.node))), faults)
  }

  /// Removes runs, on their nodes first: what is still there is still listed.
  package func remove(_ runs: [RunInventory.Run]) async throws(RunFault) -> RunPruning {
    let wanted = Dictionary(
      uniqueKeysWithValues: self.plan.nodes.map { node in
        (node.name, runs.filter { $0.nodes[node.name] != nil }.map(\.id))
      })
    let asked = self.plan.nodes.filter { wanted[$0.name]?.isEmpty == false }
    let answers = await NodeErrand.each(asked, open: self.errands) { errand in
      try await errand.remove(wanted[errand.node.name] ?? [])
    }
    var pruning = RunPruning()
    var (sizes, kept): ([RunID: [String: Int]], Set<RunID>) = ([:], [])
    for (node, result) in answers {
      switch result {
      case .success(let removed):
        for run in removed {
          sizes[run.id, default: [:]][node.name] = run.size
          guard !run.refusal.isEmpty else { continue }
          kept.insert(run.id)
          pruning.refusals.append(
            Diagnostic(
              .warning, code: "run-kept", "\(node.name): run \(run.id) is kept",
              causes: [run.refusal]))
        }
      case .failure(let fault):
        kept.formUnion(wanted[node.name] ?? [])
        pruning.refusals += [fault].folded()
      }
    }
    for run in runs where !kept.contains(run.id) {
      var removed = RunPruning.Removed(id: run.id, nodeSizes: sizes[run.id] ?? [:])
      if run.here != nil {
        do throws(RunStoreError) {
          let list = RunList(root: self.runsFolder)
          removed.size = try list.remove(
            RunDirectory(root: self.runsFolder, name: run.name, id: run.id),
            holder: self.surroundings.coordinator)
        } catch {
          pruning.refusals.append(error.diagnostic)
          continue
        }
      }
      pruning.removed.append(removed)
    }
    return pruning
  }
}
