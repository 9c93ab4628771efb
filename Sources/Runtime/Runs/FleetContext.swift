package import Coordinator
package import Fleet
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

  /// Of those of its agents that are there: none is started by who only looks.
  ///
  /// - Parameter plan: Of the run.
  package func observers(of run: String, placing plan: Plan) -> AgentConnector {
    AgentConnector(
      open: self.links.open(for: .observation(of: run)), epoch: nil, yields: false,
      coordinator: self.surroundings.coordinator, plan: [], secrets: [:], placing: plan)
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
    if let run = try self.liveRunIfAny() { return run }
    let found = try await self.runsOnNodes()
    if let run = try found.agreed() { return try await self.adopt(run) }
    throw self.noRun
  }

  /// The same to be ended: where nodes know several, each of them that can be had.
  package func liveRunsToEnd() async throws(RunFault) -> (runs: [LiveRun], faults: [RunFault]) {
    if let run = try self.liveRunIfAny() { return ([run], []) }
    var (runs, faults): ([LiveRun], [RunFault]) = ([], [])
    for run in try await self.runsOnNodes().runs {
      do throws(RunFault) {
        runs.append(try await self.adopt(run))
      } catch {
        faults.append(error)
      }
    }
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
    if let run = try self.liveRunIfAny() { return run }
    if let run = try self.newestRun({ _ in true }) { return run }
    return try await self.liveRun()
  }

  /// A run by its id, its folder, or a name for the newest of that name, whatever has become of it.
  package func run(_ reference: String) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      try LiveRun(try RunList(root: self.runsFolder).run(reference), self.surroundings)
    }
  }

  package func liveRunIfAny() throws(RunFault) -> LiveRun? { try self.newestRun { !$0.isFinished } }

  /// Of services.
  private func newestRun(_ isMeant: (RunDirectory) -> Bool) throws(RunFault) -> LiveRun? {
    try RunFault.storing {
      try RunList(root: self.runsFolder).runs(named: self.plan.name)
        .first { !$0.hasWorkPlan && isMeant($0) }.map { try LiveRun($0, self.surroundings) }
    }
  }

  /// The live run if it has the same plan, else a new one, which is held: until an agent of it is
  /// there, nothing else tells it from one that is over.
  ///
  /// - Throws: `RunFault` when a run of another plan is up, or another process launches this one.
  package func liveRunForLaunch() throws(RunFault) -> (run: LiveRun, isNew: Bool) {
    // Two that look at once would begin one each.
    try RunFault.storing {
      try RunList(root: self.runsFolder).alone(on: self.plan.name) { try self.launchedRun() }
    }
  }

  private func launchedRun() throws(RunFault) -> (run: LiveRun, isNew: Bool) {
    guard let run = try self.liveRunIfAny() else {
      let run = try self.newRun()
      try run.hold()
      return (run, true)
    }
    let differences = try RunFault.storing { try self.plan.differences(from: run.plan) }
    guard differences.isEmpty else {
      throw RunFault(
        .request,
        Diagnostic(
          code: "other-plan", "run \(run.id) of another plan is up", causes: differences,
          hints: ["`muster down` ends it"]))
    }
    try run.requireJournal()
    try run.hold()
    self.surroundings.say("run \(run.id) is there already: what runs is left as it is")
    return (run, false)
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
    let used = Set(run.plan.services.flatMap { $0.replicas.map(\.node) })
    return try await self.agents(of: run.id, placing: run.plan)
      .survey(run.plan.nodes.filter { used.contains($0.name) })
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
    let live = try self.liveRunIfAny()
    let run = live?.id ?? self.surroundings.newRunID().rawValue
    let asked = try await self.agents(of: run, holding: live == nil ? self.plan : nil)
      .examine(self.plan, endsAgents: live == nil, now: self.surroundings.milliseconds)
    for answer in asked.values { live?.record(.examined(answer)) }
    return asked
  }
}

/// What Runtime needs of the process that it works in; the composition root makes it.
package struct Surroundings: Sendable {
  /// Who this process is, to agents and to people: `user@host pid N`.
  package var coordinator: String
  /// Since 1970 in UTC.
  package var milliseconds: @Sendable () -> Int64
  /// A variable of the process's environment; `nil` where it is not set.
  package var variable: @Sendable (String) -> String?
  /// 64 bits of chance.
  package var draw: @Sendable () -> UInt64
  /// Takes a line for whoever runs the command, without line feed.
  package var say: @Sendable (String) -> Void
  /// Takes what is not as it should be.
  package var tell: @Sendable (Diagnostic) -> Void

  package init(
    coordinator: String, milliseconds: @escaping @Sendable () -> Int64,
    variable: @escaping @Sendable (String) -> String?, draw: @escaping @Sendable () -> UInt64,
    say: @escaping @Sendable (String) -> Void, tell: @escaping @Sendable (Diagnostic) -> Void
  ) {
    self.coordinator = coordinator
    self.milliseconds = milliseconds
    self.variable = variable
    self.draw = draw
    self.say = say
    self.tell = tell
  }

  private struct Chance: RandomNumberGenerator {
    let draw: @Sendable () -> UInt64

    mutating func next() -> UInt64 { self.draw() }
  }

  func newRunID() -> RunID {
    var chance = Chance(draw: self.draw)
    return RunID(milliseconds: self.milliseconds(), using: &chance)
  }
}

/// What opens links to the nodes of a plan, with the agent's program at hand.
package struct FleetLinks: Sendable {
  private let opener: LinkOpener
  private let openSSH: OpenSSHConfiguration?

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
        var fault = NodeFault(node: node.name, error)
        fault.diagnostic.hints += [openSSH?.hint(for: node, after: error)].compactMap(\.self)
        throw fault
      }
    }
  }
}
