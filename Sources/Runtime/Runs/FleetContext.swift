package import Coordinator
import Fleet
package import Launch
package import Links
package import Manifest
package import NIOCore
package import Plan
package import Rollouts
import RunStore
import SSH

/// What everything about a manifest's runs shares: the plan, where its runs are, and how nodes are
/// reached.
package struct FleetContext: Sendable {
  /// An eval's flags change its work.
  package var plan: Plan
  package let runsFolder: String
  package let notify: ManifestNotify?
  /// The manifest's `watch:`.
  package let watchedFiles: [WatchedPattern]
  package let surroundings: Surroundings
  private let links: FleetLinks

  /// - Parameter runsFolder: Absolute; one that is not there has no runs.
  package init(
    plan: Plan, runsFolder: String, notify: ManifestNotify? = nil,
    watchedFiles: [WatchedPattern] = [],
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

  /// To nodes, apart from any run.
  package var errands: OpenLink { self.links.open(for: .errand) }

  /// - Parameters:
  ///   - plan: Takes the run over, and is what its agents know of it then; `nil`: they are looked at.
  ///   - yields: Takes nothing over from a coordinator that is at work.
  package func agents(
    of run: String, holding plan: Plan? = nil, yields: Bool = false, secrets: [String: String] = [:]
  ) throws(RunFault) -> AgentConnector {
    AgentConnector(
      open: self.links.open(for: .run(run)),
      epoch: plan.map { _ in UInt64(max(0, self.surroundings.milliseconds())) }, yields: yields,
      coordinator: self.surroundings.coordinator,
      plan: try RunFault.storing { try plan?.canonicalJSON() ?? [] }, secrets: secrets)
  }

  /// Who only looks starts none of its agents, but for a page of a node that has no services.
  package func observers(of run: LiveRun) -> AgentConnector {
    let used = Set(run.plan.services.flatMap { $0.replicas.map(\.node) })
    return AgentConnector(
      open: { [links] node throws(NodeFault) in
        let purpose = used.contains(node.name) ? LinkPurpose.observation(of: run.id) : .run(run.id)
        return try await links.open(for: purpose)(node)
      }, epoch: nil, yields: false, coordinator: self.surroundings.coordinator, plan: [],
      secrets: [:])
  }

  /// The values of the plan's secrets, from this process's environment.
  package func secrets() throws(RunFault) -> [String: String] {
    let missing = self.plan.secrets.filter { self.surroundings.variable($0) == nil }
    guard missing.isEmpty else {
      let names = missing.map { "`\($0)`" }.joined(separator: ", ")
      throw RunFault(
        .request,
        Diagnostic(
          code: "no-secret", "the secret \(names) is not in the environment",
          hints: ["`export \(missing[0])=…` before `muster`"]))
    }
    return self.plan.secrets.reduce(into: [:]) { $0[$1] = self.surroundings.variable($1) }
  }

  // MARK: Runs

  /// The newest run of the manifest whose services are up, as far as this machine knows.
  ///
  /// - Throws: `RunFault` when there is none.
  package func liveRun() async throws(RunFault) -> LiveRun {
    if let run = try await self.liveRunIfAny() { return run }
    if let run = try await self.runOnNodes() { return run }
    throw RunFault(
      .request,
      Diagnostic(
        code: "no-run",
        "no run of `\(self.plan.name)` is up: neither \(self.runsFolder) nor the nodes know one",
        hints: ["`muster up` starts one"]))
  }

  /// The live run, else the newest one that has ended.
  ///
  /// - Throws: `RunFault` when there is none of services at all.
  package func liveOrLatestRun() async throws(RunFault) -> LiveRun {
    if let run = try await self.liveRunIfAny() { return run }
    if let run = try self.newestRun({ _ in true }) { return try LiveRun(run, self.surroundings) }
    return try await self.liveRun()
  }

  /// A run by its id, its folder, or a name for the newest of that name, whatever has become of it.
  package func run(_ reference: String) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      try LiveRun(try RunList(root: self.runsFolder).run(reference), self.surroundings)
    }
  }

  /// The live run that this folder has. Where its plan cannot be read, the nodes know it: what lives
  /// there has it again then, and what does not is none.
  package func liveRunIfAny() async throws(RunFault) -> LiveRun? {
    guard let run = try self.newestRun({ !$0.isFinished }) else { return nil }
    do throws(RunFault) {
      return try LiveRun(run, self.surroundings)
    } catch {
      guard error.diagnostics.map(\.code) == [Diagnostic.damage] else { throw error }
      self.surroundings.warn(error)
    }
    return try await self.runOnNodes()
  }

  /// Of services.
  func newestRun(_ isMeant: (RunDirectory) -> Bool) throws(RunFault) -> RunDirectory? {
    try RunFault.storing {
      try RunList(root: self.runsFolder).runs(named: self.plan.name)
        .first { !$0.hasWorkPlan && isMeant($0) }
    }
  }

  /// A run of work, which is held from its beginning: nobody finds it and takes it for one that is over.
  package func newEval(_ workPlan: WorkPlan?) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      try RunList(root: self.runsFolder).alone(on: self.plan.name) {
        let run = try self.newRun(workPlan: workPlan)
        try run.hold()
        return run
      }
    }
  }

  package func newRun(workPlan: WorkPlan? = nil) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      let directory = try RunDirectory.create(
        root: self.runsFolder, name: self.plan.name, id: self.surroundings.newRunID(),
        plan: try self.plan.canonicalJSON(), workPlan: workPlan)
      let run = try LiveRun(directory, self.surroundings)
      try run.requireJournal()
      return run
    }
  }
}

// MARK: Runs that another machine began, as the nodes themselves tell

extension FleetContext {
  /// The newest live run of services of this plan's name; it gets a folder here.
  ///
  /// - Parameter nodes: Those asked; `nil`: all.
  /// - Throws: `RunFault` where nodes cannot be asked and the others have none.
  func runOnNodes(_ nodes: [Plan.Node]? = nil) async throws(RunFault) -> LiveRun? {
    let name = self.plan.name
    let asked = await NodeErrand.each(nodes ?? self.plan.nodes, open: self.errands) { errand in
      try await errand.runs(named: name, addsSizes: false).filter {
        $0.isLive && $0.hasServices && $0.name == name
      }
    }
    // A node is semi-trusted: what it says names a folder here.
    let ids = asked.answers.map { (node: $0.node, id: $0.answer.map(\.id).max()) }
    guard let newest = ids.compactMap(\.id).max() else {
      if asked.faults.isEmpty { return nil }
      throw RunFault(.surroundings, asked.faults.folded())
    }
    return try await self.adopt(newest, from: ids.filter { $0.id == newest }.map(\.node))
  }

  private func adopt(
    _ id: RunID, from nodes: [Plan.Node]
  ) async throws(RunFault) -> LiveRun? {
    let survey = try await self.agents(of: id.rawValue).survey(nodes)
    var faults = survey.faults
    for (node, answer) in survey.answers {
      var plan: Plan
      do throws(Diagnostic) { plan = try Plan(json: answer.plan) } catch {
        if !answer.plan.isEmpty { faults.append(NodeFault(node: node.name, kind: .refused, error)) }
        continue
      }
      // Nor does a node make an eval of ours a run of services.
      guard plan.name == self.plan.name,
        !RunDirectory(root: self.runsFolder, name: plan.name, id: id).hasWorkPlan
      else { continue }
      // Links are ours: keys lie elsewhere here, and a node must not say what we execute.
      plan.nodes = try self.ownNodes(of: plan, id)
      self.surroundings.say("run \(id) was found on its nodes; it was begun by \(answer.holder)")
      return try RunFault.storing {
        let json = try plan.canonicalJSON()
        let run = try RunDirectory.adopt(
          root: self.runsFolder, name: plan.name, id: id, plan: json)
        // What is damaged here is whole there.
        if (try? LiveRun(run, self.surroundings)) == nil { try run.replacePlan(json) }
        let live = try LiveRun(run, self.surroundings)
        live.record(LiveRun.adopted, live.id)
        return live
      }
    }
    if faults.isEmpty { return nil }
    throw RunFault(.surroundings, faults.folded())
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

extension FleetContext {
  /// Asks the nodes of a run's services for their replicas, without taking anything over.
  package func survey(_ run: LiveRun) async throws(RunFault) -> NodeAnswers<NodeSurvey> {
    try await self.agents(of: run.id).survey(self.serviceNodes(of: run.plan))
  }

  func serviceNodes(of plan: Plan) -> [Plan.Node] {
    let used = Set(plan.services.flatMap { $0.replicas.map(\.node) })
    return plan.nodes.filter { used.contains($0.name) }
  }

  /// Asks nodes of a run for their replicas and for what happened there. Nobody is asked of a run that is
  /// over: that would start agents for it again.
  package func chronicles(
    of run: LiveRun, on nodes: [Plan.Node]
  ) async throws(RunFault) -> NodeAnswers<NodeSurvey> {
    if run.isFinished { return NodeAnswers() }
    return try await self.agents(of: run.id).survey(nodes, withEvents: true)
  }

  /// Reads logs of replicas at once, as ``AgentConnector`` reads one.
  ///
  /// - Returns: The faults of those that could not be read to their end.
  package func logs(
    of replicas: [(key: ReplicaKey, node: Plan.Node)], in run: LiveRun, lastLineCount: Int,
    follow: Bool = false, receive: @escaping @Sendable (ReplicaKey, [UInt8]) async -> Void
  ) async throws(RunFault) -> [(key: ReplicaKey, fault: NodeFault)] {
    let agents = try self.agents(of: run.id)
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
  package func examine() async throws(RunFault) -> NodeAnswers<PreflightAnswer> {
    let live = try await self.liveRunIfAny()
    let run = live?.id ?? self.surroundings.newRunID().rawValue
    let asked = try await self.agents(of: run, holding: live == nil ? self.plan : nil)
      .examine(self.plan, endsAgents: live == nil, now: self.surroundings.milliseconds)
    for answer in asked.values { live?.record(.examined(answer)) }
    return asked
  }

  /// Stops a run's replicas, proves that nothing of them is left, and ends the run where that is so.
  /// What happened while nobody watched is known to the agents alone, which end here: it is written
  /// into the journal.
  package func end(_ run: LiveRun) async throws(RunFault) -> RunEnding {
    let journal = TimelineJournal(run)
    let stopped = try await self.agents(of: run.id, holding: run.plan).stop(
      // `up` may be on its way to a node, or to a daemon that has ended.
      run.plan.nodes, of: run.plan, keepsHolder: true
    ) { survey in
      for event in survey.events { journal.see(.happened(event)) }
      for report in survey.reports { journal.see(.reported(report)) }
    }
    journal.write()
    var ending = RunEnding(faults: stopped.faults)
    for (node, remains) in stopped.answers {
      ending.foreign += remains.foreign.map { "\(node.name): \($0)" }
      guard !remains.leftovers.isEmpty else { continue }
      ending.leftovers.append(
        Diagnostic(
          code: "left-behind", "\(node.name): not everything is gone",
          causes: remains.leftovers, hints: ["run `muster down` again"]))
    }
    // Another `down` may have taken it over, and proved it.
    if !ending.isProven, run.isFinished { return RunEnding(foreign: ending.foreign) }
    if ending.isProven { run.end() }
    return ending
  }
}

/// What opens links to the nodes of a plan, with the agent's program at hand.
package struct FleetLinks: Sendable {
  private let opener: LinkOpener
  private let openSSH: OpenSSHConfiguration?

  /// Ends the programs that links went through and that hang: the last thing this process does.
  ///
  /// - Parameter graceMilliseconds: For those whose link has just been closed.
  package static func endAll(graceMilliseconds: Int) {
    ChildPrograms.endAll(graceMilliseconds: graceMilliseconds)
  }

  /// The version of the library that speaks SSH.
  package static var libraryVersion: String { LibSSH2Session.libraryVersion }

  /// - Parameters:
  ///   - home: Of the user, with what `ssh` is told; `nil`: nothing.
  ///   - cacheFolder: Where the agent's program is kept gzipped; made if need be.
  ///   - seed: Of the pauses between logins to one host.
  package init(
    agent: String, home: String? = nil, cacheFolder: String, group: any EventLoopGroup, seed: UInt64
  ) throws(RunFault) {
    self.openSSH = home.map { OpenSSHConfiguration(home: $0) }
    do throws(LinkError) {
      self.opener = LinkOpener(
        group: group, agent: try AgentImage(path: agent, cacheFolder: cacheFolder),
        admission: LinkAdmission(seed: seed))
    } catch {
      throw RunFault(.surroundings, [error.diagnostic])
    }
  }

  /// - Parameter purpose: A run, whose agents are started or found, or errands.
  package func open(for purpose: LinkPurpose) -> OpenLink {
    let (opener, openSSH) = (self.opener, self.openSSH)
    return { node throws(NodeFault) in
      do throws(LinkError) {
        return try await opener.open(node, for: purpose)
      } catch {
        throw NodeFault(
          node: node.name, error, hint: openSSH?.hint(for: node, after: error))
      }
    }
  }
}
