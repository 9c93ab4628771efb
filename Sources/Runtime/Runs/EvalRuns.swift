import Fleet
import Plan
import RunStore

extension FleetContext {
  /// The eval to be resumed: the newest unfinished one, else the newest of the plan at all, or the
  /// one named.
  ///
  /// Another set of nodes is no other work: items have keys, whoever does them. Nor is what an episode
  /// waits, which stays what it was.
  /// - Throws: `RunFault` when there is none, or its plan differs in more than
  ///   its nodes; then with the fields that differ.
  package func evalToResume(named name: String?) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      let list = RunList(root: self.runsFolder)
      let runs =
        if let name { [try list.run(name)] } else { try list.runs(named: self.plan.name) }
      var nearest: [String]?
      for directory in runs.filter({ !$0.isFinished }) + runs.filter(\.isFinished) {
        guard directory.hasWorkPlan else { continue }
        let run = try LiveRun(directory, self.surroundings)
        try run.requireJournal()
        let differences = try self.plan.differences(from: run.plan).filter { difference in
          ["nodes", "work.nodes", "work.simulator.episode_cost"].allSatisfy {
            !difference.hasPrefix("`\($0)")
          }
        }
        if differences.isEmpty { return run }
        nearest = nearest ?? ["run \(run.id) is of another plan"] + differences
      }
      throw RunFault(
        .request,
        Diagnostic(
          code: "nothing-to-resume",
          "no eval of this plan is in \(self.runsFolder)/\(self.plan.name)",
          causes: nearest ?? [], hints: ["without `--resume` a new one begins"]))
    }
  }
}

extension LiveRun {
  /// The run whose agents do the work: that of the services that are up, else this one; the same on
  /// every resume, because spools are there.
  ///
  /// - Returns: `isOurs` where no services need the agents, which end with the work.
  package func agentRun(
    live fleet: FleetContext
  ) throws(RunFault) -> (id: String, isOurs: Bool) {
    let live = try fleet.liveRunIfAny()?.id
    let known = try self.events(kind: "agents").last?.subject
    let id = known ?? live ?? self.id
    if known == nil { self.record("agents", id) }
    return (id, id != live)
  }
}
