import Coordinator
import Fleet
import Health
import Launch
import Plan
import Synchronization

@testable import NodeAgent

/// A link to an agent. What is sent over it arrives in order, if it arrives.
///
/// SAFETY: see ``ServiceWorld``.
final class SimLink: @unchecked Sendable {
  /// After so long without an answer a link is given up: ping and its timeout.
  static let keepaliveTime: Milliseconds = 15_000

  /// Nothing arrives any more, and the coordinator does not know it yet.
  var isCut = false
  /// What is sent before arrives after.
  var holdUntil: Milliseconds = 0
  private(set) var sentAt: Milliseconds = 0
  private let loss: AsyncStream<Never>
  private let lossContinuation: AsyncStream<Never>.Continuation

  init() {
    (self.loss, self.lossContinuation) = AsyncStream.makeStream()
  }

  /// The coordinator learns that it is lost.
  func sever() {
    self.isCut = true
    self.lossContinuation.finish()
  }

  /// Returns when it is lost, or the task is cancelled.
  func lost() async { for await _ in self.loss {} }

  /// - Returns: When something that is sent now arrives.
  func arrival(of now: Milliseconds, after delay: Milliseconds) -> Milliseconds {
    self.sentAt = max(max(now, self.holdUntil) + delay, self.sentAt)
    return self.sentAt
  }
}

/// The launcher of a ``ServiceWorld``, and what looks on once it is done.
extension ServiceWorld {
  /// By then every launch has ended, one way or the other.
  private static let decisionBound: Milliseconds = 700_000

  private var plan: Plan {
    let services = ["policy", "judge"].compactMap { name -> Plan.Service? in
      let replicas = self.script.replicas.filter { $0.service == name }.map { replica in
        Plan.Replica(
          index: replica.index, node: self.nodeNames[replica.node],
          launch: LaunchSpecification(
            argv: ["vllm"], readyTimeoutSeconds: ServiceScript.readyTimeout / 1000,
            progressMarks: [Self.progressMark], stopGraceSeconds: self.script.stopGraceSeconds,
            model: ModelServer(port: 8000, model: "tiny")))
      }
      return replicas.isEmpty
        ? nil
        : Plan.Service(
          name: name, recipe: "vllm", after: name == "judge" ? ["policy"] : [], replicas: replicas)
    }
    return Plan(
      name: "simulation", nodes: self.nodeNames.map { Plan.Node(name: $0, link: .local) },
      services: services)
  }

  private var clock: SimHostClock { SimHostClock(host: self.coordinator.host) }

  func coordinate() async {
    // As `up` has them.
    let launcher = ServiceLauncher(
      plan: self.plan, connector: self, clock: self.clock,
      settings: .init(attachTimeout: .seconds(60), reportGrace: .seconds(30))
    ) { self.observe($0) }
    let result = await launcher.launch()
    if Task.isCancelled { return }
    guard result.reasons.isEmpty else {
      self.coordinator.outcome = .aborted(result)
      return
    }
    self.coordinator.outcome = .succeeded
    if self.script.hasFatalFate { self.violate("a launch succeeded that cannot") }
    self.calmAt = self.now + ServiceScript.calmAfter
    self.add(self.script.drawServingFaults(), from: self.now)
    // Somebody looks on, as `top` does.
    await withTaskGroup(of: Void.self) { tasks in
      for node in self.plan.nodes { tasks.addTask { await self.follow(node) } }
    }
  }

  private func follow(_ node: Plan.Node) async {
    await LinkKeeper(.watch, clock: self.clock).keep { opened throws(NodeFault) in
      try await self.withSession(to: node) { session in
        opened()
        try await session.watch { self.hear($0) }
      }
    } lost: { $0.kind }
  }

  private func observe(_ event: LaunchEvent) {
    switch event {
    case .reported(let report): self.hear(report)
    case .aborted(let reasons): self.check(reasons)
    case .leftBehind(let node, _): self.coordinator.leftBehind.insert(node)
    case .attached, .faulted, .examined, .checked, .starting, .warned, .succeeded: break
    }
  }

  private func hear(_ report: ReplicaReport) {
    guard let index = self.replicas.firstIndex(where: { $0.key == report.status.key }) else {
      return self.violate("\(report.status.key) is reported, and nobody has it")
    }
    self.replicas[index].told = report.status.state
  }

  /// Whether an abort names who is to blame.
  private func check(_ reasons: [Diagnostic]) {
    let faulty = self.replicas.filter { $0.fatalSince != nil }.map { "`\($0.key)` is" }
    for reason in reasons {
      let isFailure = reason.code == "replica-failed"
      let words = isFailure ? [reason.summary] : reason.causes
      if !words.contains(where: { word in faulty.contains { word.contains($0) } }) {
        self.violate("aborted without reason: \(reason.summary) \(reason.causes.prefix(3))")
      }
    }
  }

  /// Returns when all that can happen has happened.
  func untilTheEnd() async {
    var end = Self.decisionBound
    while self.now < end {
      try? await self.world.sleep(until: .milliseconds(self.now + 1000))
      switch self.coordinator.outcome {
      case .open: break
      case .succeeded: end = self.calmAt - ServiceScript.calmAfter + ServiceScript.endAfter
      // All links have healed, and all grace is over.
      case .aborted: end = min(end, max(self.now, 150_000) + 100_000)
      }
    }
  }
}

extension ServiceWorld: LaunchConnector {
  private static let connectTimeout: Milliseconds = 20_000

  func withSession(
    to node: Plan.Node, _ body: @escaping @Sendable (SimSession) async throws -> Void
  ) async throws(NodeFault) {
    guard let index = self.nodeNames.firstIndex(of: node.name) else {
      preconditionFailure("\(node.name) is no node")
    }
    let link = try await self.open(index)
    defer { if self.agents[index].link === link { self.agents[index].link = nil } }
    let session = SimSession(
      services: self, node: index, link: link,
      runsReplicas: self.agents[index].supervisor.board.all.contains { !$0.state.isFinal })
    do {
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await body(session) }
        tasks.addTask {
          await link.lost()
          await self.coordinator.host.awake()
          throw self.unreachable(index, "the link broke")
        }
        defer { tasks.cancelAll() }
        try await tasks.next()
      }
    } catch let fault as NodeFault {
      throw fault
    } catch {
      throw self.unreachable(index, "\(error)")
    }
  }

  func unreachable(_ node: Int, _ words: String) -> NodeFault {
    NodeFault(
      node: self.nodeNames[node], kind: .unreachable, Diagnostic(code: "link-lost", words))
  }

  private func open(_ node: Int) async throws(NodeFault) -> SimLink {
    let isFirst = self.agents[node].link == nil && self.now < 1000
    let delay = Int.random(in: isFirst ? 200...3000 : 0...1200, using: &self.agents[node].random)
    let deadline = self.now + Self.connectTimeout
    var next = self.now + delay
    while true {
      guard (try? await self.world.sleep(until: .milliseconds(min(next, deadline)))) != nil,
        next < deadline
      else {
        await self.coordinator.host.awake()
        throw self.unreachable(node, "no answer")
      }
      let agent = self.agents[node]
      let earliest = max(agent.cutUntil, agent.host.pausedUntil)
      if earliest <= self.now { break }
      next = earliest + 500
    }
    await self.coordinator.host.awake()
    let link = SimLink()
    self.agents[node].link = link
    return link
  }
}

/// A link on which a simulated agent has answered.
struct SimSession: LaunchSession {
  /// As that of a call that waits for nothing on the node.
  private static let callTimeout: Milliseconds = 20_000

  let services: ServiceWorld
  let node: Int
  let link: SimLink
  let processID: Int64 = 1
  let runsReplicas: Bool

  private var supervisor: Supervisor<SimGround> { self.services.agents[self.node].supervisor }
  private var agent: SimHost { self.services.agents[self.node].host }
  private var name: String { self.services.nodeNames[self.node] }

  func examine(
    _ plan: Plan, _ now: @Sendable () -> Int64
  ) async throws(NodeFault) -> PreflightAnswer {
    preconditionFailure("launches in simulation have no look at the nodes")
  }

  func watch(_ hear: @escaping @Sendable (ReplicaReport) -> Void) async throws {
    let (reports, feed) = AsyncStream<ReplicaReport>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        try await self.supervisor.board.follow { status in
          await self.agent.awake()
          self.deliver(ReplicaReport(status, node: self.name), to: feed)
        }
      }
      tasks.addTask {
        for await report in reports {
          await self.services.coordinator.host.awake()
          hear(report)
        }
      }
      defer { tasks.cancelAll() }
      try await tasks.next()
    }
  }

  /// Puts a report on its way.
  private func deliver(_ report: ReplicaReport, to feed: AsyncStream<ReplicaReport>.Continuation) {
    let arrival = self.link.arrival(of: self.services.now, after: self.delay())
    @Sendable func arrive(at time: Milliseconds) {
      self.services.at(time) {
        if self.link.isCut { return }
        if self.link.holdUntil > self.services.now { return arrive(at: self.link.holdUntil + 1) }
        feed.yield(report)
      }
    }
    arrive(at: arrival)
  }

  func start(
    _ services: [Plan.Service], _ hear: @escaping @Sendable (ReplicaReport) -> Void
  ) async throws(NodeFault) {
    let replicas = services.flatMap { service in
      service.replicas.filter { $0.node == self.name }.map { service.specification(of: $0) }
    }
    guard !replicas.isEmpty else { return }
    try await self.call(timeout: Self.callTimeout) {
      try await self.supervisor.start(replicas, secrets: [:])
      let statuses = self.supervisor.board.all
      return { for status in statuses { hear(ReplicaReport(status, node: self.name)) } }
    }
  }

  func stop(timeout: Duration) async throws(NodeFault) -> NodeRemains {
    let remains = Mutex(NodeRemains(leftovers: []))
    try await self.call(timeout: Int(timeout.components.seconds) * 1000) {
      for index in self.services.agents[self.node].replicas {
        self.services.dropExpectation(of: index)
        self.services.replicas[index].isEnding = true
        self.services.wake(index)
      }
      let left = await self.supervisor.stop([])
      return { remains.withLock { $0.leftovers = left.leftovers } }
    }
    return remains.withLock(\.self)
  }

  /// Carries `body` out on the node, and what it returns when its answer has come back.
  private func call(
    timeout: Milliseconds, _ body: @escaping @Sendable () async throws -> @Sendable () -> Void
  ) async throws(NodeFault) {
    let fault = self.services.unreachable(self.node, "no answer in time")
    do {
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
          try await self.travel()
          await self.agent.awake()
          let answer = try await body()
          try await self.travel()
          await self.services.coordinator.host.awake()
          answer()
        }
        tasks.addTask {
          let end = self.services.now + timeout
          try await self.services.world.sleep(until: .milliseconds(end))
          await self.services.coordinator.host.awake()
          throw fault
        }
        defer { tasks.cancelAll() }
        try await tasks.next()
      }
    } catch {
      throw fault
    }
  }

  /// Returns when what is sent now has arrived.
  private func travel() async throws {
    var arrival = self.link.arrival(of: self.services.now, after: self.delay())
    while true {
      try await self.services.world.sleep(until: .milliseconds(arrival))
      // It never does.
      if self.link.isCut { for await _ in AsyncStream<Never>.makeStream().stream {} }
      try Task.checkCancellation()
      if self.link.holdUntil <= self.services.now { return }
      arrival = self.link.holdUntil + 1
    }
  }

  private func delay() -> Milliseconds {
    let max = self.services.script.delayMax
    return Int.random(in: 2...max, using: &self.services.agents[self.node].random)
  }
}
