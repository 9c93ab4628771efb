package import Coordinator
package import Fleet
import Plan
import RunStore

/// The live runs of one name as nodes tell of them, put together: each speaks for itself, and none decides
/// for the others. Pure.
package struct RunsOnNodes: Equatable, Sendable {
  package struct Run: Equatable, Sendable {
    package var id: RunID
    /// That have it, in the order of the plan.
    package var nodes: [String]
  }

  /// The newest first.
  package let runs: [Run]
  /// Of nodes that could not be asked: what they have is not known.
  package var faults: [NodeFault] = []

  /// - Parameter told: By node, in the order of the plan.
  package init(_ told: [(node: String, runs: [RunID])]) {
    var nodes: [RunID: [String]] = [:]
    for (node, runs) in told {
      for id in Set(runs) { nodes[id, default: []].append(node) }
    }
    self.runs = nodes.map { Run(id: $0.key, nodes: $0.value) }.sorted { $1.id < $0.id }
  }

  /// Of the nodes that could not be asked, which may have a run that the others do not know.
  var unasked: RunFault { RunFault(.surroundings, self.faults.folded()) }

  /// The one that all agree on, if there is any.
  ///
  /// - Throws: Where there are several, with each and its nodes.
  package func agreed() throws(RunFault) -> Run? {
    guard self.runs.count > 1 else { return self.runs.first }
    throw RunFault(
      .request,
      Diagnostic(
        code: "several-runs", "the nodes know \(self.runs.count) live runs of this name",
        causes: self.runs.map { run in
          "run \(run.id) on \(NodeSet(run.nodes.map { NodeName($0) }).folded)"
        },
        hints: [
          "`muster down` ends each of them; from the machine that began it a run is known by its folder"
        ]))
  }
}

// MARK: Runs that another machine began, as the nodes themselves tell

extension FleetContext {
  /// The one that the nodes agree on, if there is any; it gets a folder here.
  ///
  /// - Parameter nodes: Those asked; `nil`: all.
  func runOnNodes(_ nodes: [Plan.Node]? = nil) async throws(RunFault) -> LiveRun? {
    let found = try await self.runsOnNodes(nodes)
    guard let run = try found.agreed() else { return nil }
    if !found.faults.isEmpty { self.surroundings.warn(found.unasked) }
    return try await self.adopt(run)
  }

  /// The live runs of services of this plan's name.
  ///
  /// - Parameter nodes: Those asked; `nil`: all.
  /// - Throws: `RunFault` where nodes cannot be asked and the others have none.
  func runsOnNodes(_ nodes: [Plan.Node]? = nil) async throws(RunFault) -> RunsOnNodes {
    let name = self.plan.name
    let asked = await NodeErrand.each(nodes ?? self.plan.nodes, open: self.errands) { errand in
      try await errand.runs(named: name, addsSizes: false).filter {
        $0.isLive && $0.hasServices && $0.name == name
      }
    }
    var found = RunsOnNodes(asked.answers.map { ($0.node.name, $0.answer.map(\.id)) })
    found.faults = asked.faults
    if found.runs.isEmpty, !asked.faults.isEmpty {
      throw RunFault(.surroundings, asked.faults.folded())
    }
    return found
  }

  /// A run that nodes know gets a folder here.
  ///
  /// - Throws: `RunFault` also where its nodes do not agree on what it is.
  func adopt(_ found: RunsOnNodes.Run) async throws(RunFault) -> LiveRun {
    let id = found.id
    let nodes = self.plan.nodes.filter { found.nodes.contains($0.name) }
    let agents = try self.agents(of: id.rawValue)
    let survey = await agents.survey(nodes)
    let known = survey.answers.filter { !$0.answer.planDigest.isEmpty }
    guard let first = known.first else {
      throw survey.faults.isEmpty
        ? RunFault(
          .surroundings,
          Diagnostic(
            code: "no-plan",
            "run \(id) is on \(self.folded(found.nodes)), and no node has its plan",
            hints: ["end it from the machine that began it, which has its folder"]))
        : RunFault(.surroundings, survey.faults.folded())
    }
    var plan = try await self.plan(of: id, at: first.node, by: agents)
    // An eval may have told its nodes of another `work:` than the others.
    for (digest, group) in Dictionary(grouping: known, by: \.answer.planDigest)
      .sorted(by: { $0.key < $1.key })
    where digest != first.answer.planDigest {
      let other = try await self.plan(of: id, at: group[0].node, by: agents)
      guard other.services == plan.services else {
        throw RunFault(
          .request,
          Diagnostic(
            code: "unlike-plans",
            "run \(id) is another on \(self.folded(group.map(\.node.name))) than on \(first.node.name)",
            hints: ["end it from the machine that began it, which has its folder"]))
      }
    }
    // Links are ours: keys lie elsewhere here, and a node must not say what we execute.
    plan.nodes = try self.ownNodes(of: plan, id)
    self.surroundings.say(
      "run \(id) was found on its nodes; it was begun by \(first.answer.holder)")
    let text = try RunFault.storing { try plan.canonicalJSON() }
    return try RunFault.storing {
      let directory = try RunDirectory.adopt(
        root: self.runsFolder, name: plan.name, id: id, plan: text)
      // What is damaged here is whole there.
      if (try? LiveRun(directory, self.surroundings)) == nil { try directory.replacePlan(text) }
      let run = try LiveRun(directory, self.surroundings)
      run.record(LiveRun.adopted, run.id)
      return run
    }
  }

  /// - Throws: `RunFault` also where it is no plan of this name, or the run is an eval of ours: a node
  ///   makes none a run of services.
  private func plan(
    of id: RunID, at node: Plan.Node, by agents: AgentConnector
  ) async throws(RunFault) -> Plan {
    let text: [UInt8]
    do throws(NodeFault) {
      text = try await agents.plan(of: node)
    } catch {
      throw RunFault(.surroundings, [error].folded())
    }
    guard let plan = try? Plan(json: text), plan.name == self.plan.name,
      !RunDirectory(root: self.runsFolder, name: plan.name, id: id).hasWorkPlan
    else {
      throw RunFault(
        .surroundings,
        Diagnostic(
          code: "wrong-plan",
          "\(node.name): what it has as the plan of run \(id) is none of `\(self.plan.name)`"
        ))
    }
    return plan
  }

  private func folded(_ nodes: [String]) -> String {
    NodeSet(nodes.map { NodeName($0) }).folded
  }

  private func ownNodes(of plan: Plan, _ id: RunID) throws(RunFault) -> [Plan.Node] {
    let wanted = Set(plan.nodes.map(\.name))
    let unknown = wanted.subtracting(self.plan.nodes.map(\.name))
    guard unknown.isEmpty else {
      throw RunFault(
        .request,
        Diagnostic(
          code: "other-nodes",
          "run \(id) has nodes that the manifest has not: "
            + NodeSet(unknown.map { NodeName($0) }).folded,
          hints: ["use the manifest that it was begun with"]))
    }
    return self.plan.nodes.filter { wanted.contains($0.name) }
  }
}
