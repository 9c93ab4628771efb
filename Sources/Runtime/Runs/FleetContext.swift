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
  ///   - placed: The run's plan, where it is not that or the manifest's: each node speaks for its own.
  ///   - epoch: Of who takes it over; `nil`: this instant.
  ///   - yields: Takes nothing over from a coordinator that is at work.
  ///   - sendsPlan: Of who holds: the agents keep the plan, for whoever finds the run on its nodes.
  package func agents(
    of run: String, holding plan: Plan? = nil, placing placed: Plan? = nil, epoch: UInt64? = nil,
    yields: Bool = false, sendsPlan: Bool = true, secrets: [String: String] = [:]
  ) throws(RunFault) -> AgentConnector {
    let now = UInt64(max(0, self.surroundings.milliseconds()))
    let text = try RunFault.storing { sendsPlan ? try plan?.canonicalJSON() ?? [] : [] }
    guard text.count <= AgentMessages.planSizeMax else {
      throw RunFault(
        .request,
        Diagnostic(
          code: "plan-too-large",
          "the plan has \(text.count) bytes, and an agent takes \(AgentMessages.planSizeMax)",
          hints: ["launch fewer nodes or services with one manifest"]))
    }
    return AgentConnector(
      open: self.links.open(for: .run(run)),
      epoch: plan.map { _ in epoch ?? now }, yields: yields,
      coordinator: self.surroundings.coordinator, plan: text, secrets: secrets,
      placing: placed ?? plan ?? self.plan)
  }

  /// Who only looks starts none of its agents, but for a page of a node that has no services.
  package func observers(of run: LiveRun) -> AgentConnector {
    let used = Set(run.plan.services.flatMap { $0.replicas.map(\.node) })
    return AgentConnector(
      open: { [links] node throws(NodeFault) in
        let purpose = used.contains(node.name) ? LinkPurpose.observation(of: run.id) : .run(run.id)
        return try await links.open(for: purpose)(node)
      }, epoch: nil, yields: false, coordinator: self.surroundings.coordinator, plan: [],
      secrets: [:], placing: run.plan)
  }

  /// An epoch by which a run is taken over from whoever holds it, also from one whose clock is ahead.
  ///
  /// - Parameter run: Its agents'.
  package func epoch(over run: String, on nodes: [Plan.Node]) async throws(RunFault) -> UInt64 {
    let now = UInt64(max(0, self.surroundings.milliseconds()))
    let survey = try await self.agents(of: run).survey(nodes)
    // What is further ahead is no clock: that node refuses, and the others are not to follow it.
    let day: UInt64 = 24 * 3600 * 1000
    let held = survey.values.map(\.holderEpoch).filter { $0 < now + day }.max() ?? 0
    return max(now, held + 1)
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
    throw self.noRun
  }

  /// The same to be ended: where nodes know several, each of them that can be had.
  package func liveRunsToEnd() async throws(RunFault) -> (runs: [LiveRun], faults: [RunFault]) {
    if case .run(let run) = try self.liveRunHere() { return ([run], []) }
    var (runs, faults): ([LiveRun], [RunFault]) = ([], [])
    var found = try await self.runsOnNodes()
    for run in found.runs {
      do throws(RunFault) {
        runs.append(try await self.adopt(run))
      } catch {
        faults.append(error)
      }
    }
    // The end of a run tells of its own nodes.
    let told = Set(runs.flatMap { $0.plan.nodes.map(\.name) })
    found.faults.removeAll { told.contains($0.node) }
    if !found.faults.isEmpty { faults.append(found.unasked) }
    if runs.isEmpty, faults.isEmpty { throw self.noRun }
    return (runs, faults)
  }

  private var noRun: RunFault {
    RunFault(
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
    switch try self.liveRunHere() {
    case .run(let run): run
    case .damaged: try await self.runOnNodes()
    case .none: nil
    }
  }

  private enum RunHere {
    case none
    /// Its plan cannot be read.
    case damaged
    case run(LiveRun)
  }

  private func liveRunHere() throws(RunFault) -> RunHere {
    guard let run = try self.newestRun({ !$0.isFinished }) else { return .none }
    do throws(RunFault) {
      return .run(try LiveRun(run, self.surroundings))
    } catch {
      guard error.diagnostics.map(\.code) == [Diagnostic.damage] else { throw error }
      self.surroundings.warn(error)
      return .damaged
    }
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

extension FleetContext {
  /// Asks the nodes of a run's services for their replicas, without taking anything over.
  package func survey(_ run: LiveRun) async throws(RunFault) -> NodeAnswers<NodeSurvey> {
    try await self.agents(of: run.id, placing: run.plan).survey(self.serviceNodes(of: run.plan))
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
    return try await self.agents(of: run.id, placing: run.plan)
      .survey(nodes, withEvents: true)
  }

  /// Reads logs of replicas at once, as ``AgentConnector`` reads one.
  ///
  /// - Returns: The faults of those that could not be read to their end.
  package func logs(
    of replicas: [(key: ReplicaKey, node: Plan.Node)], in run: LiveRun, lastLineCount: Int,
    follow: Bool = false, receive: @escaping @Sendable (ReplicaKey, [UInt8]) async -> Void
  ) async throws(RunFault) -> [(key: ReplicaKey, fault: NodeFault)] {
    let agents = try self.agents(of: run.id, placing: run.plan)
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
