import Coordinator
import Fleet
import Plan
import RunStore

/// Runs that another machine began, as the nodes themselves tell.
extension FleetContext {
  /// The newest live run of services of this plan's name; it gets a folder here.
  ///
  /// - Throws: `RunFault` where nodes cannot be asked and the others have none.
  func runOnNodes() async throws(RunFault) -> LiveRun? {
    let name = self.plan.name
    let answers = await NodeErrand.each(self.plan.nodes, open: self.errands) { errand in
      try await errand.runs(named: name, addsSizes: false).filter { $0.isLive && $0.hasServices }
    }
    var newest: RunID?
    var holders: [Plan.Node] = []
    var faults: [NodeFault] = []
    for (node, result) in answers {
      switch result {
      case .failure(let fault): faults.append(fault)
      case .success(let runs):
        // A node is semi-trusted: what it says names a folder here.
        guard let id = runs.map(\.id).max() else { continue }
        if newest.map({ $0 < id }) ?? true { (newest, holders) = (id, []) }
        if newest == id { holders.append(node) }
      }
    }
    guard let newest else {
      if faults.isEmpty { return nil }
      throw RunFault(.surroundings, faults.folded())
    }
    return try await self.adopt(newest, from: holders)
  }

  /// Makes a folder of a run here, of what its agents say.
  private func adopt(
    _ id: RunID, from nodes: [Plan.Node]
  ) async throws(RunFault) -> LiveRun? {
    let survey = await FleetCall.survey(
      nodes, open: self.links(to: id.rawValue), attachment: try self.attachment(holding: false))
    var faults: [NodeFault] = []
    for (_, result) in survey {
      switch result {
      case .failure(let fault): faults.append(fault)
      case .success(let answer):
        guard var plan = try? Plan(json: answer.plan), plan.name == self.plan.name else { continue }
        // Links are ours: keys lie elsewhere here, and a node must not say what we execute.
        plan.nodes = try self.ownNodes(of: plan, id)
        self.surroundings.say("run \(id) was found on its nodes; it was begun by \(answer.holder)")
        return try RunFault.storing {
          try LiveRun(
            try RunDirectory.create(
              root: self.runsFolder, name: plan.name, id: id, plan: try plan.canonicalJSON()),
            self.surroundings)
        }
      }
    }
    if faults.isEmpty { return nil }
    throw RunFault(.surroundings, faults.folded())
  }

  /// The manifest's nodes that a run has.
  private func ownNodes(of plan: Plan, _ id: RunID) throws(RunFault) -> [Plan.Node] {
    let names = Set(self.plan.nodes.map(\.name))
    let unknown = plan.nodes.map(\.name).filter { !names.contains($0) }
    guard unknown.isEmpty else {
      throw RunFault(
        .request,
        [
          Diagnostic(
            code: "other-nodes",
            "run \(id) has nodes that the manifest has not: "
              + NodeSet(unknown.map { NodeName($0) }).folded,
            hints: ["use the manifest that it was begun with"])
        ])
    }
    let wanted = Set(plan.nodes.map(\.name))
    return self.plan.nodes.filter { wanted.contains($0.name) }
  }
}
