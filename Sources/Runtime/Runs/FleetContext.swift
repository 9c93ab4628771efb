package import Coordinator
import Fleet
package import Manifest
package import Plan
package import Rollouts
import RunStore

/// What everything about a manifest's runs shares: the plan, where its runs are, and how nodes are
/// reached.
package struct FleetContext: Sendable {
  /// An eval's flags change its work.
  package var plan: Plan
  package let runsFolder: String
  package let notify: ManifestNotify?
  /// The manifest's `watch:`.
  package let watchedFiles: [String]
  package let surroundings: Surroundings
  private let links: FleetLinks

  /// - Parameter runsFolder: Absolute; one that is not there has no runs.
  package init(
    plan: Plan, runsFolder: String, notify: ManifestNotify? = nil, watchedFiles: [String] = [],
    links: FleetLinks, surroundings: Surroundings
  ) {
    self.plan = plan
    self.runsFolder = runsFolder
    self.notify = notify
    self.watchedFiles = watchedFiles
    self.links = links
    self.surroundings = surroundings
  }

  // MARK: Links

  package func links(to run: String) -> OpenLink { self.links.open(run: run) }

  /// - Parameter yields: Takes nothing over from a coordinator that is at work.
  package func attachment(
    holding: Bool, yields: Bool = false, secrets: [String: String] = [:]
  ) throws(RunFault) -> Attachment {
    let epoch = UInt64(max(0, self.surroundings.milliseconds()))
    var attachment = Attachment(
      claim: holding ? .hold(epoch: epoch) : .observe, coordinator: self.surroundings.coordinator,
      plan: holding ? try RunFault.storing { try self.plan.canonicalJSON() } : [],
      secrets: secrets)
    attachment.yields = yields
    return attachment
  }

  /// The values of the plan's secrets, from this process's environment.
  package func secrets() throws(RunFault) -> [String: String] {
    var values: [String: String] = [:]
    var missing: [String] = []
    for name in self.plan.secrets {
      if let value = self.surroundings.variable(name) {
        values[name] = value
      } else {
        missing.append(name)
      }
    }
    guard missing.isEmpty else {
      let names = missing.map { "`\($0)`" }.joined(separator: ", ")
      throw RunFault(
        .request,
        [
          Diagnostic(
            code: "no-secret", "the secret \(names) is not in the environment",
            hints: ["`export \(missing[0])=…` before `muster`"])
        ])
    }
    return values
  }

  // MARK: Runs

  /// The newest run of the manifest whose services are up, as far as this machine knows.
  ///
  /// - Throws: `RunFault` when there is none.
  package func liveRun() async throws(RunFault) -> LiveRun {
    if let run = try self.liveRunIfAny() { return run }
    if let run = try await self.runOnNodes() { return run }
    throw RunFault(
      .request,
      [
        Diagnostic(
          code: "no-run",
          "no run of `\(self.plan.name)` is up: neither \(self.runsFolder) nor the nodes know one",
          hints: ["`muster up` starts one"])
      ])
  }

  /// A run that another machine began, as the nodes themselves tell; it gets a folder here.
  ///
  /// - Throws: `RunFault` where nodes cannot be asked and the others have none.
  private func runOnNodes() async throws(RunFault) -> LiveRun? {
    let survey = await FleetCall.survey(
      self.plan.nodes, open: self.links(to: "@\(self.plan.name)"),
      attachment: try self.attachment(holding: false))
    var newest: (id: RunID, plan: Plan, holder: String)?
    var faults: [NodeFault] = []
    for (_, result) in survey {
      switch result {
      case .failure(let fault):
        // The agent's own word that there is none is an answer.
        let isAnswer = fault.diagnostic.causes.contains { $0.contains("is live on this node") }
        if !isAnswer { faults.append(fault) }
      case .success(let answer):
        // A node is semi-trusted: what it says names a folder here.
        guard let id = RunID(answer.run), newest.map({ $0.id < id }) ?? true,
          let plan = try? Plan(json: answer.plan), plan.name == self.plan.name
        else { continue }
        newest = (id, plan, answer.holder)
      }
    }
    guard var newest else {
      if faults.isEmpty { return nil }
      throw RunFault(.surroundings, faults.folded())
    }
    // Links are ours: keys lie elsewhere here, and a node must not say what we execute.
    let known = self.plan.nodes.filter { node in newest.plan.nodes.contains { $0.name == node.name }
    }
    let unknown = newest.plan.nodes.map(\.name).filter { name in !known.contains { $0.name == name }
    }
    guard unknown.isEmpty else {
      throw RunFault(
        .request,
        [
          Diagnostic(
            code: "other-nodes",
            "run \(newest.id) has nodes that the manifest has not: "
              + NodeSet(unknown.map { NodeName($0) }).folded,
            hints: ["use the manifest that it was begun with"])
        ])
    }
    newest.plan.nodes = known
    self.surroundings.say(
      "run \(newest.id) was found on its nodes; it was begun by \(newest.holder)")
    return try RunFault.storing {
      try LiveRun(
        try RunDirectory.create(
          root: self.runsFolder, name: newest.plan.name, id: newest.id,
          plan: try newest.plan.canonicalJSON()),
        self.surroundings)
    }
  }

  /// The live run, else the newest one that has ended.
  ///
  /// - Throws: `RunFault` when there is none of services at all.
  package func liveOrLatestRun() async throws(RunFault) -> LiveRun {
    if let run = try self.liveRunIfAny() { return run }
    let latest = try RunFault.storing {
      try RunList(root: self.runsFolder).runs(named: self.plan.name)
        .first { try $0.workPlan() == nil }.map { try LiveRun($0, self.surroundings) }
    }
    if let latest { return latest }
    return try await self.liveRun()
  }

  /// A run by its id, its folder, or a name for the newest of that name, whatever has become of it.
  package func run(_ reference: String) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      try LiveRun(try RunList(root: self.runsFolder).run(reference), self.surroundings)
    }
  }

  package func liveRunIfAny() throws(RunFault) -> LiveRun? {
    try RunFault.storing {
      for run in try RunList(root: self.runsFolder).runs(named: self.plan.name)
      where !run.isFinished {
        if try run.workPlan() == nil { return try LiveRun(run, self.surroundings) }
      }
      return nil
    }
  }

  /// The live run if it has the same plan, else a new one.
  ///
  /// - Throws: `RunFault` when a run of another plan is up.
  package func liveRunForLaunch() throws(RunFault) -> LiveRun {
    guard let run = try self.liveRunIfAny() else { return try self.newRun() }
    let differences = try RunFault.storing { try self.plan.differences(from: run.plan) }
    guard differences.isEmpty else {
      throw RunFault(
        .request,
        [
          Diagnostic(
            code: "other-plan", "run \(run.id) of another plan is up", causes: differences,
            hints: ["`muster down` ends it"])
        ])
    }
    try run.requireJournal()
    self.surroundings.say("run \(run.id) is there already: what runs is left as it is")
    return run
  }

  package func newRun(workPlan: WorkPlan? = nil) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      var chance = self.surroundings.chance
      let directory = try RunDirectory.create(
        root: self.runsFolder, name: self.plan.name, plan: try self.plan.canonicalJSON(),
        workPlan: workPlan, milliseconds: self.surroundings.milliseconds(),
        using: &chance)
      let run = try LiveRun(directory, self.surroundings)
      try run.requireJournal()
      return run
    }
  }
}
