package import Coordinator
package import Fleet
package import Launch
package import Plan

extension FleetContext {
  /// Asks the nodes of a run's services for their replicas, without taking anything over.
  package func survey(
    _ run: LiveRun
  ) async throws(RunFault) -> [(node: Plan.Node, result: Result<NodeSurvey, NodeFault>)] {
    let used = Set(run.plan.services.flatMap { $0.replicas.map(\.node) })
    return try await self.agents(of: run.id, holding: false)
      .survey(run.plan.nodes.filter { used.contains($0.name) })
  }

  /// Asks nodes of a run for their replicas and for what happened there.
  package func chronicles(
    of run: LiveRun, on nodes: [Plan.Node]
  ) async throws(RunFault) -> [(node: Plan.Node, result: Result<NodeChronicle, NodeFault>)] {
    try await self.agents(of: run.id, holding: false).events(nodes)
  }

  /// Reads logs of replicas at once, in pieces as they come, until each has ended or the task is
  /// cancelled.
  ///
  /// - Parameters:
  ///   - lastLineCount: Lines from the end to begin with, at most 100,000.
  ///   - follow: Goes on as they grow.
  /// - Returns: The faults of those that could not be read to their end.
  package func logs(
    of replicas: [(key: ReplicaKey, node: Plan.Node)], in run: LiveRun, lastLineCount: Int,
    follow: Bool = false, receive: @escaping @Sendable (ReplicaKey, [UInt8]) async -> Void
  ) async throws(RunFault) -> [(key: ReplicaKey, fault: NodeFault)] {
    let agents = try self.agents(of: run.id, holding: false)
    return await withTaskGroup(of: (ReplicaKey, NodeFault)?.self) { tasks in
      for (key, node) in replicas {
        tasks.addTask {
          do throws(NodeFault) {
            try await agents.log(
              of: key, on: node, lastLineCount: lastLineCount, follow: follow
            ) { await receive(key, $0) }
            return nil
          } catch {
            return Task.isCancelled ? nil : (key, error)
          }
        }
      }
      return await tasks.reduce(into: []) { if let fault = $1 { $0.append(fault) } }
    }
  }

  /// Looks at every node: by the agents of the live run, whose own processes are then known and in
  /// whose journal the facts are written; else by some of a run that ends with the question.
  package func examine() async throws(RunFault) -> (answers: [PreflightAnswer], faults: [NodeFault])
  {
    let live = try self.liveRunIfAny()
    var chance = self.surroundings.chance
    let run =
      live?.id ?? RunID(milliseconds: self.surroundings.milliseconds(), using: &chance).rawValue
    let results = try await self.agents(of: run, holding: live == nil)
      .examine(self.plan, endsAgents: live == nil, now: self.surroundings.milliseconds)
    var (answers, faults): ([PreflightAnswer], [NodeFault]) = ([], [])
    for (_, result) in results {
      switch result {
      case .success(let answer):
        answers.append(answer)
        live?.record(.examined(answer))
      case .failure(let fault): faults.append(fault)
      }
    }
    return (answers, faults)
  }

  /// Stops a run's replicas, proves that nothing of them is left, and ends the run where that is so.
  /// What happened while nobody watched is known to the agents alone, which end here: it is written
  /// into the journal.
  package func end(_ run: LiveRun) async throws(RunFault) -> RunEnding {
    let journal = TimelineJournal(run)
    let results = try await self.agents(of: run.id, holding: true).stop(
      run.plan.nodes, of: run.plan
    ) { chronicle in
      for event in chronicle.events { journal.see(.happened(event)) }
      for report in chronicle.survey.reports { journal.see(.reported(report)) }
    }
    journal.write()
    var ending = RunEnding()
    for (node, result) in results {
      switch result {
      case .success(let remains):
        ending.foreign += remains.foreign.map { "\(node.name): \($0)" }
        guard !remains.leftovers.isEmpty else { continue }
        ending.leftovers.append(
          Diagnostic(
            code: "left-behind", "\(node.name): not everything is gone",
            causes: remains.leftovers, hints: ["run `muster down` again"]))
      case .failure(let fault): ending.faults.append(fault)
      }
    }
    if ending.isProven { run.end() }
    return ending
  }
}

/// What stopping a run has come to.
package struct RunEnding: Equatable, Sendable {
  /// Others' processes in places of ours, about which nothing is to be done, in words.
  package var foreign: [String] = []
  /// Of each node where something of the run is left.
  package var leftovers: [Diagnostic] = []
  /// Of nodes that do not answer.
  package var faults: [NodeFault] = []

  /// Nothing of the run is left anywhere.
  package var isProven: Bool { self.leftovers.isEmpty && self.faults.isEmpty }
}
