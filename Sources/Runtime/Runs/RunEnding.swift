package import Coordinator
package import Fleet
import Health
import Launch
import Plan
import Synchronization

/// What stopping a run has come to.
package struct RunEnding: Equatable, Sendable {
  /// Others' processes in places of ours, about which nothing is to be done, in words.
  package var foreign: [String] = []
  /// Of each node where something of the run is left.
  package var leftovers: [Diagnostic] = []
  /// Of nodes that do not answer.
  package var faults: [NodeFault] = []
  /// Of planned replicas that nobody has seen.
  package var unseen: [Diagnostic] = []

  package init() {}

  /// Nothing of the run is left anywhere, as its nodes say.
  package var isProven: Bool { self.leftovers.isEmpty && self.faults.isEmpty }

  /// What a person is told of what is not as it should be.
  package var diagnostics: [Diagnostic] { self.leftovers + self.unseen + self.faults.folded() }
}

extension FleetContext {
  /// Stops a run's replicas, proves that nothing of them is left, and ends the run where that is so.
  /// What happened while nobody watched is known to the agents alone, which end here: it is written
  /// into the journal.
  package func end(_ run: LiveRun) async throws(RunFault) -> RunEnding {
    let journal = TimelineJournal(run)
    let seen = Mutex<Set<ReplicaKey>>([])
    let hear: @Sendable (NodeSurvey) -> Void = { survey in
      for event in survey.events { journal.see(.happened(event)) }
      for report in survey.reports { journal.see(.reported(report)) }
      seen.withLock { $0.formUnion(survey.reports.map(\.key)) }
    }
    let stopped = try await self.stop(run, hear)
    journal.write()
    var ending = RunEnding()
    ending.faults = stopped.faults
    for (node, remains) in stopped.answers {
      ending.foreign += remains.foreign.map { "\(node.name): \($0)" }
      guard !remains.leftovers.isEmpty else { continue }
      ending.leftovers.append(
        Diagnostic(
          code: "left-behind", "\(node.name): not everything is gone",
          causes: remains.leftovers, hints: ["run `muster down` again"]))
    }
    if run.isAdopted {
      ending.unseen = run.plan.unseen(
        beside: seen.withLock(\.self), on: Set(stopped.answers.map(\.node.name)))
    }
    // Another `down` may have taken it over, and proved it.
    if !ending.isProven, run.isFinished {
      var proven = RunEnding()
      proven.foreign = ending.foreign
      return proven
    }
    if ending.isProven { run.end() }
    return ending
  }

  /// Whoever holds the run: what refuses since a coordinator is ahead of this one's clock is taken over by
  /// its epoch and one more, node by node. Each speaks for its own epoch alone.
  private func stop(
    _ run: LiveRun, _ hear: @escaping @Sendable (NodeSurvey) -> Void
  ) async throws(RunFault) -> NodeAnswers<NodeRemains> {
    // What ends needs no plan any more.
    var stopped = try await self.agents(of: run.id, holding: run.plan, sendsPlan: false)
      .stop(run.plan.nodes, of: run.plan, keepsHolder: true, hear: hear)
    let held = Set(stopped.faults.filter(\.kind.isAnothers).map(\.node))
    guard !held.isEmpty else { return stopped }
    stopped.faults.removeAll { held.contains($0.node) }
    let holders = try await self.agents(of: run.id, placing: run.plan)
      .survey(run.plan.nodes.filter { held.contains($0.name) })
    stopped.faults += holders.faults
    let groups = Dictionary(grouping: holders.answers, by: \.answer.holderEpoch)
    for (epoch, group) in groups.sorted(by: { $0.key < $1.key }) {
      let agents = try self.agents(
        of: run.id, holding: run.plan, epoch: epoch &+ 1, sendsPlan: false)
      let again = await agents.stop(group.map(\.node), of: run.plan, keepsHolder: true, hear: hear)
      stopped.answers += again.answers
      stopped.faults += again.faults
    }
    return stopped
  }
}

extension Plan {
  /// Of each replica on one of the nodes that is not among those seen.
  func unseen(beside seen: Set<ReplicaKey>, on nodes: Set<String>) -> [Diagnostic] {
    self.services.flatMap { service in
      service.replicas.compactMap { replica in
        let key = ReplicaKey(service: service.name, index: replica.index)
        guard nodes.contains(replica.node), !seen.contains(key) else { return nil }
        return Diagnostic(
          code: "not-seen", "\(replica.node): `\(key)` is planned there, and nobody has seen it",
          causes: ["the run was found on its nodes: no journal says whether it was ever started"],
          hints: ["look for it there, and compare with the machine that began the run"])
      }
    }
  }
}
