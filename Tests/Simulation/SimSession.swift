@testable import Coordinator
import Fleet
import Health
import Launch
import Plan
import Synchronization

@testable import NodeAgent

/// A link on which a simulated agent has answered.
struct SimSession: LaunchSession {
  /// As that of a call that waits for nothing on the node.
  private static let callTimeout: Milliseconds = 20_000

  let services: ServiceWorld
  let node: Int
  let link: SimAgentLink
  let processID: Int64 = 1
  let found: [ReplicaReport]

  private var supervisor: Supervisor<SimGround> { self.services.agents[self.node].supervisor }
  private var agent: SimHost { self.services.agents[self.node].host }
  private var name: String { self.services.nodeNames[self.node] }

  func examine(
    _ plan: Plan, _ now: @Sendable () -> Int64
  ) async throws(NodeFault) -> PreflightAnswer {
    preconditionFailure("launches in simulation have no look at the nodes")
  }

  func watch(_ hear: @escaping @Sendable (ReplicaReport) async -> Void) async throws {
    let (reports, feed) = AsyncStream<ReplicaReport>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        await self.supervisor.board.follow { status in
          await self.agent.awake()
          self.deliver(ReplicaReport(status, node: self.name), to: feed)
        }
      }
      tasks.addTask {
        for await report in reports {
          await self.services.coordinator.host.awake()
          await hear(report)
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

  func start(_ services: [Plan.Service]) async throws(NodeFault) -> [ReplicaReport] {
    let replicas = services.flatMap { service in
      service.specifications(on: self.name)
    }
    guard !replicas.isEmpty else { return [] }
    let reports = Mutex<[ReplicaReport]>([])
    try await self.call(timeout: Self.callTimeout) {
      try await self.supervisor.start(replicas, secrets: [:], by: self.services.epoch)
      let answer = self.supervisor.board.all.map { ReplicaReport($0, node: self.name) }
      return { reports.withLock { $0 = answer } }
    }
    return reports.withLock(\.self)
  }

  func abandon(_ plan: Plan) async throws(NodeFault) -> NodeRemains {
    let remains = Mutex(NodeRemains(leftovers: []))
    try await self.call(timeout: Int(plan.stopTimeout.components.seconds) * 1000) {
      for index in self.services.agents[self.node].replicas {
        self.services.dropExpectation(of: index)
        self.services.replicas[index].isEnding = true
        self.services.wake(index)
      }
      let left = await self.supervisor.stop(StopOrder(starter: self.services.epoch))
      let living = await self.supervisor.living().map(\.description)
      return { remains.withLock { ($0.leftovers, $0.living) = (left.leftovers, living) } }
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
      if self.link.isCut { for await _ in AsyncStream<Void>.makeStream().stream {} }
      try Task.checkCancellation()
      if self.link.holdUntil <= self.services.now { return }
      arrival = self.link.holdUntil + 1
    }
  }

  /// The same for all that is sent within a millisecond: in which order is left to the schedule.
  private func delay() -> Milliseconds {
    let seed = self.services.agents[self.node].seed
    var random = SplitMix64(state: seed &+ UInt64(self.services.now) &* 0x94D0_49BB_1331_11EB)
    return Int.random(in: 2...self.services.script.delayMax, using: &random)
  }
}
