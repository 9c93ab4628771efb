import Coordinator
import Fleet
import Health
import Launch
import Plan

@testable import NodeAgent

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
    await LinkKeeper.keep(.watch, clock: self.clock) { opened throws(NodeFault) in
      try await self.withSession(to: node) { session in
        opened()
        try await session.watch { self.hear($0) }
      }
    } lost: {
      $0.kind
    }
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
  var epoch: UInt64 { 1 }

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
      found: self.agents[index].supervisor.board.all.map { ReplicaReport($0, node: node.name) })
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

  private func open(_ node: Int) async throws(NodeFault) -> SimAgentLink {
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
    let link = SimAgentLink()
    self.agents[node].link = link
    return link
  }
}
