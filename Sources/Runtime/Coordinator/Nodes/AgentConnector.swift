import Fleet
import GRPCCore
import Health
package import Launch
import Links
import NodeAPI
package import Plan
import SwiftProtobuf

/// What one node answers when it is asked how it is.
package struct NodeSurvey: Sendable {
  package var hostName: String
  package var processID: Int64
  package var startedAtMilliseconds: Int64
  /// Who holds the run; empty when nobody does.
  package var holder: String
  package var reports: [ReplicaReport]
  /// Of who holds it; 0 when nobody does.
  package var holderEpoch: UInt64
  /// SHA-256 of the plan of the run that the agent serves; empty where it has none.
  package var planDigest: String
  /// What happened there, where that was asked for, oldest first.
  package var events: [ChainEvent]

  init(_ session: NodeSession, events: [ChainEvent] = []) {
    let attached = session.attached
    self.hostName = attached.hostName.cut(toBytes: AgentMessages.nameSizeMax)
    self.processID = attached.processID
    self.startedAtMilliseconds = attached.startedAtMilliseconds
    self.holder = attached.holder.cut(toBytes: AgentMessages.nameSizeMax)
    self.holderEpoch = attached.holderEpoch
    self.reports = session.found
    self.planDigest = attached.planSha256.cut(toBytes: AgentMessages.nameSizeMax)
    self.events = events
  }
}

/// Links to the agents of one run: how they are opened, and who attaches. Its calls visit many nodes at
/// once.
package struct AgentConnector: LaunchConnector {
  package typealias Session = NodeSession

  /// An agent keeps 4,096 in memory; what sends more is not ours.
  private static let eventCountMax = 8192
  /// For as much of a log as an agent sends at once, 8 MiB, at 100 kB/s.
  private static let logTimeout = Duration.seconds(90)

  private let open: OpenLink
  private let attachment: Muster_V1_AttachRequest
  /// By node.
  private let replicas: [String: Set<ReplicaKey>]
  /// Of nodes that are sent the plan: it is large, and each has a copy on its way.
  private let admission: LinkAdmission

  /// Of plans that are on their way at once, in bytes.
  private static let sendingSizeMax = 256 << 20

  /// Agents know no coordinator by 0.
  package var epoch: UInt64 { self.attachment.epoch }

  /// - Parameters:
  ///   - epoch: Holds the run from now on: milliseconds since 1970 at this coordinator's start; agents
  ///     refuse one that is older than the one that holds them. `nil`: looks only, takes nothing over.
  ///   - yields: Takes nothing over from a coordinator that is at work.
  ///   - coordinator: For people: user@host and process id.
  ///   - plan: In canonical JSON; empty to leave the agents' as it is.
  ///   - secrets: Values by name. They go to the agents' memory and nowhere else.
  ///   - placing: The run's plan: each node speaks for its replicas in it, and for no others.
  package init(
    open: @escaping OpenLink, epoch: UInt64?, yields: Bool, coordinator: String, plan: [UInt8],
    secrets: [String: String], placing placed: Plan
  ) {
    self.open = open
    self.attachment = .with {
      $0.protocolVersion = AgentPreface.protocolVersion
      $0.observe = epoch == nil
      $0.epoch = epoch ?? 0
      $0.coordinator = coordinator
      $0.yields = yields
      $0.plan = .init(plan)
      $0.secrets = secrets
    }
    var replicas: [String: Set<ReplicaKey>] = [:]
    for service in placed.services {
      for replica in service.replicas {
        let key = ReplicaKey(service: service.name, index: replica.index)
        replicas[replica.node, default: []].insert(key)
      }
    }
    self.replicas = replicas
    let countMax = Self.sendingSizeMax / max(plan.count, 1)
    self.admission = LinkAdmission(seed: 0, countMax: max(1, countMax))
  }

  /// Opens a link, attaches, and closes the link when `body` has ended.
  ///
  /// - Throws: `NodeFault`, with the link's own words where the link broke; what `body` throws
  ///   otherwise stands as the fault's cause.
  package func withSession<Result: Sendable>(
    to node: Plan.Node, _ body: @escaping @Sendable (NodeSession) async throws -> Result
  ) async throws(NodeFault) -> Result {
    try await NodeLink.with(node, open: self.open) { client in
      let api = NodeSession.API(wrapping: client)
      let attached = try await self.attach(api, node.name)
      return try await body(
        NodeSession(
          node: node, client: client, api: api, attached: attached,
          voice: NodeVoice(node: node.name, own: self.replicas[node.name] ?? [])))
    }
  }

  private func attach(
    _ api: NodeSession.API, _ node: String
  ) async throws(NodeFault) -> Muster_V1_AttachResponse {
    // A second more for each MiB.
    let timeout = NodeSession.callTimeout + .seconds(self.attachment.plan.count >> 20)
    let cancelled = NodeFault(node: node, call: "attach", error: CancellationError())
    return try await self.admission.admitted(orThrow: cancelled) { () throws(NodeFault) in
      try await NodeLink.call("attach", on: node, timeout: timeout) {
        try await api.attach(self.attachment, options: $0)
      }
    }
  }

  /// Asks each node for its replicas, without taking anything over.
  ///
  /// - Parameter withEvents: And for everything that happened there.
  package func survey(
    _ nodes: [Plan.Node], withEvents: Bool = false
  ) async -> NodeAnswers<NodeSurvey> {
    await self.each(nodes) { session in
      NodeSurvey(session, events: withEvents ? try await Self.events(of: session) : [])
    }
  }

  /// What the agent of a node has as the run's plan, in canonical JSON.
  ///
  /// - Throws: `NodeFault` also where that is not what its digest says.
  package func plan(of node: Plan.Node) async throws(NodeFault) -> [UInt8] {
    let wrong = NodeFault(
      node: node.name, kind: .refused,
      Diagnostic(code: "wrong-plan", "the agent's plan of the run is not what it says of it"))
    return try await self.withSession(to: node) { session in
      var options = CallOptions.defaults
      options.timeout = NodeSession.planTimeout
      let plan = try await session.api.plan(.init(), options: options) { response in
        var plan: [UInt8] = []
        for try await chunk in response.messages {
          guard plan.count + chunk.data.count <= AgentMessages.planSizeMax else { throw wrong }
          plan += chunk.data
        }
        return plan
      }
      guard SHA256.hex(of: plan) == session.attached.planSha256 else { throw wrong }
      return plan
    }
  }

  /// Looks at each node of a plan.
  ///
  /// - Parameter endsAgents: For agents that were started for this alone.
  package func examine(
    _ plan: Plan, endsAgents: Bool, now: @escaping @Sendable () -> Int64
  ) async -> NodeAnswers<PreflightAnswer> {
    await self.each(plan.nodes) { session in
      let answer: Result<PreflightAnswer, NodeFault>
      do throws(NodeFault) {
        answer = .success(try await session.examine(plan, now))
      } catch {
        answer = .failure(error)
      }
      // One that is not ended, since the link broke, ends by itself within an hour or two.
      if endsAgents { _ = await session.stopAndEnd(timeout: NodeSession.callTimeout) }
      return try answer.get()
    }
  }

  /// Stops every replica of the run on each node and ends the daemons.
  ///
  /// - Parameters:
  ///   - keepsRecords: Records that were not acknowledged stay on the nodes, for a resume.
  ///   - keepsHolder: A coordinator from which the run was taken is refused there from now on.
  ///   - hear: Gets what each agent knows, its replicas as they were before; it ends then.
  /// - Returns: For each node what is there yet.
  package func stop(
    _ nodes: [Plan.Node], of plan: Plan, keepsRecords: Bool = false, keepsHolder: Bool = false,
    hear: @escaping @Sendable (NodeSurvey) -> Void = { _ in }
  ) async -> NodeAnswers<NodeRemains> {
    await self.each(nodes) { session in
      try await session.stopAll(
        timeout: plan.stopTimeout, keepsRecords: keepsRecords, keepsHolder: keepsHolder
      ) {
        // An agent that does not say is stopped all the same.
        let events = (try? await Self.events(of: session)) ?? []
        hear(NodeSurvey(session, events: events))
      }
    }
  }

  /// Stops replicas of a plan, and nothing else of the run.
  ///
  /// - Returns: For each of their nodes what is there yet.
  package func stop(
    _ replicas: Set<ReplicaKey>, of plan: Plan
  ) async -> NodeAnswers<NodeRemains> {
    let plan = plan.only(replicas)
    return await self.each(plan.nodes) { session in
      let own = plan.services.flatMap { $0.specifications(on: session.node.name) }.map(\.key)
      return try await session.stop(own, timeout: plan.stopTimeout)
    }
  }

  /// Reads the log of one replica on its node, in pieces as they come.
  ///
  /// - Parameters:
  ///   - lastLineCount: Lines from the end to begin with, at most 100,000.
  ///   - follow: Goes on as the log grows, until cancelled.
  package func log(
    of key: ReplicaKey, on node: Plan.Node, lastLineCount: Int, follow: Bool,
    receive: @escaping @Sendable ([UInt8]) async -> Void
  ) async throws(NodeFault) {
    var options = CallOptions.defaults
    // What follows a log lasts as long as the link, whose pings are answered or end it.
    if !follow { options.timeout = Self.logTimeout }
    try await self.withSession(to: node) { [options] session in
      try await session.api.logs(
        .with {
          $0.service = key.service
          $0.index = UInt32(key.index)
          $0.lastLines = UInt32(min(lastLineCount, 100_000))
          $0.follow = follow
        }, options: options
      ) { response in
        for try await chunk in response.messages { await receive(Array(chunk.data)) }
      }
    }
  }

  private static func events(of session: NodeSession) async throws -> [ChainEvent] {
    var options = CallOptions.defaults
    options.timeout = NodeSession.callTimeout
    return try await session.api.events(.init(), options: options) { response in
      var events: [ChainEvent] = []
      for try await event in response.messages where events.count < Self.eventCountMax {
        if let event = session.voice.event(event) { events.append(event) }
      }
      return events
    }
  }

  private func each<Answer: Sendable>(
    _ nodes: [Plan.Node], body: @escaping @Sendable (NodeSession) async throws -> Answer
  ) async -> NodeAnswers<Answer> {
    await NodeAnswers(of: nodes) { node throws(NodeFault) in
      try await self.withSession(to: node, body)
    }
  }
}

/// What many nodes answered to the same short question, and why others did not; both in the order of the
/// nodes.
package struct NodeAnswers<Answer: Sendable>: Sendable {
  package var answers: [(node: Plan.Node, answer: Answer)] = []
  package var faults: [NodeFault] = []

  /// Links that are opened at once: ClusterShell's window too; each costs a key exchange of CPU.
  private static var concurrency: Int { 64 }

  package init(faults: [NodeFault] = []) {
    self.faults = faults
  }

  package var values: [Answer] { self.answers.map(\.answer) }

  /// Carries `visit` out for each node, ``concurrency`` at a time.
  init(
    of nodes: [Plan.Node],
    visit: @escaping @Sendable (Plan.Node) async throws(NodeFault) -> Answer
  ) async {
    typealias Answered = Result<Answer, NodeFault>
    let results = await withTaskGroup(of: (Int, Answered).self) { tasks in
      var results = [Answered?](repeating: nil, count: nodes.count)
      for (index, node) in nodes.enumerated() {
        if index >= Self.concurrency, let (done, result) = await tasks.next() {
          results[done] = result
        }
        tasks.addTask {
          do throws(NodeFault) {
            return (index, .success(try await visit(node)))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      for await (done, result) in tasks { results[done] = result }
      return results
    }
    for (node, result) in zip(nodes, results) {
      switch result {
      case .success(let answer): self.answers.append((node, answer))
      case .failure(let fault): self.faults.append(fault)
      case nil: break
      }
    }
  }
}
