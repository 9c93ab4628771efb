package import Fleet
import GRPCCore
import Health
import Launch
import NodeAPI
package import Plan
import SwiftProtobuf
import Synchronization

/// Carries a launch out: keeps a link to every node of the plan, feeds what they say to a
/// ``LaunchMachine``, and passes its decisions on.
///
/// Cancelling it leaves everything that was started running.
package struct ServiceLauncher<ClockType: Clock & Sendable>: Sendable
where ClockType.Duration == Duration, ClockType.Instant: Sendable {
  private enum Input: Sendable {
    case attached(node: String, processID: Int64)
    case faulted(NodeFault)
    case examined(PreflightAnswer)
    case reported(ReplicaReport)
    case left(node: String, [String])
    /// Something runs there that this launch has not started.
    case spared(node: String)
    case tick
  }

  /// Between two tries to reach a node: long enough for an sshd that drops connections at random.
  private static var retryInterval: Duration { .seconds(1) }
  /// What waits for the main loop: more than 4096 nodes with 16 changes each; agents repeat what
  /// matters, so the oldest are kept.
  private static var inputCountMax: Int { 1 << 16 }

  private let plan: Plan
  private let open: OpenLink
  private let attachment: Attachment
  private let clock: ClockType
  private let settings: LaunchMachine<ClockType.Instant>.Settings
  private let preflight: LaunchPreflight?
  private let observe: @Sendable (LaunchEvent) async -> Void

  /// - Parameters:
  ///   - preflight: `nil` starts without a look at the nodes.
  ///   - observe: Hears of every event before it is acted on.
  package init(
    plan: Plan, open: @escaping OpenLink, attachment: Attachment, clock: ClockType,
    settings: LaunchMachine<ClockType.Instant>.Settings, preflight: LaunchPreflight? = nil,
    observe: @escaping @Sendable (LaunchEvent) async -> Void
  ) {
    self.plan = plan
    self.open = open
    self.attachment = attachment
    self.clock = clock
    self.settings = settings
    self.preflight = preflight
    self.observe = observe
  }

  package struct Result: Sendable {
    /// Why not every service is ready; empty: they are.
    package var reasons: [Diagnostic] = []
    /// Whether nothing of the run is left, as far as its agents answered in time: all that this launch
    /// started is gone again, and nothing was there before.
    package var isOver = false
  }

  package func launch() async -> Result {
    let (inputs, feed) = AsyncStream.makeStream(
      of: Input.self, bufferingPolicy: .bufferingOldest(Self.inputCountMax))
    let used = Set(self.plan.services.flatMap { $0.replicas.map(\.node) })
    let orders = self.plan.nodes.filter { used.contains($0.name) }.map { ($0, NodeOrders()) }
    return await withTaskGroup(of: Void.self) { tasks in
      for (node, orders) in orders {
        tasks.addTask { await self.attend(node, orders, feed) }
      }
      tasks.addTask {
        while (try? await self.clock.sleep(for: .seconds(1))) != nil { feed.yield(.tick) }
      }
      let result = await self.decide(inputs, orders.map(\.1))
      tasks.cancelAll()
      return result
    }
  }

  private func decide(_ inputs: AsyncStream<Input>, _ orders: [NodeOrders]) async -> Result {
    var machine = LaunchMachine(plan: self.plan, settings: self.settings, now: self.clock.now)
    var departure: Departure<ClockType.Instant>?
    var isSpared = false
    /// Else whatever runs was there before this launch.
    var hasStarted = false
    var attached: Set<String> = []
    var answers: [PreflightAnswer] = []
    for await input in inputs {
      var action = LaunchMachine<ClockType.Instant>.Action.none
      switch input {
      case .attached(let node, let processID):
        attached.insert(node)
        await self.observe(.attached(node: node, processID: processID))
        action = machine.attached(node, at: self.clock.now)
      case .faulted(let fault):
        await self.observe(.faulted(fault))
        action = machine.faulted(fault)
      case .examined(let answer):
        await self.observe(.examined(answer))
        answers.append(answer)
      case .reported(let report):
        await self.observe(.reported(report))
        action = machine.reported(report, at: self.clock.now)
      case .left(let node, let leftovers):
        if !leftovers.isEmpty { await self.observe(.leftBehind(node: node, leftovers)) }
        departure?.waiting.remove(node)
      case .spared(let node):
        isSpared = true
        departure?.waiting.remove(node)
      case .tick:
        action = machine.ticked(at: self.clock.now)
      }
      if case .start = action, let refusal = await self.check(&answers) {
        action = machine.refused(refusal)
      }
      switch action {
      case .none: break
      case .start(let services):
        hasStarted = true
        await self.observe(.starting(services: services))
        for order in orders { order.change { $0.services += services } }
      case .succeed:
        for warning in machine.latestReports.startedUnlike() {
          await self.observe(.warned(warning))
        }
        await self.observe(.succeeded)
        return Result()
      case .abort(let diagnostics):
        await self.observe(.aborted(diagnostics))
        let spares = !hasStarted
        for order in orders {
          order.change { wanted in
            wanted.isStopAsked = true
            wanted.sparesWhatRuns = spares
          }
        }
        let end = self.clock.now.advanced(by: self.stopTimeout + .seconds(5))
        departure = Departure(waiting: attached, deadline: end, reasons: diagnostics)
      }
      if let departure, departure.waiting.isEmpty || departure.deadline <= self.clock.now {
        // What others hold, or nobody has seen, may well run.
        let isSeen = hasStarted || attached.count == orders.count
        return Result(reasons: departure.reasons, isOver: isSeen && !isSpared)
      }
    }
    // Cancelled: what runs goes on running.
    return Result(reasons: departure?.reasons ?? [])
  }

  /// Called before each start; what was told once is not told again.
  ///
  /// - Returns: Why nothing may start, if so.
  private func check(_ answers: inout [PreflightAnswer]) async -> [Diagnostic]? {
    guard let preflight = self.preflight, !answers.isEmpty else { return nil }
    let findings = PreflightCheck.findings(self.plan, answers.inOrder(of: self.plan))
    answers = []
    await self.observe(.checked(findings))
    let errors = findings.filter(\.isError).map(\.folded)
    return preflight.refuses && !errors.isEmpty ? errors : nil
  }

  // MARK: One node

  /// Keeps a link to the node until the launch ends or the node is of no use.
  private func attend(
    _ node: Plan.Node, _ orders: NodeOrders, _ feed: AsyncStream<Input>.Continuation
  ) async {
    let isExamined = Mutex(self.preflight == nil)
    while !Task.isCancelled {
      do throws(NodeFault) {
        try await NodeSession.with(node, open: self.open, attachment: self.attachment) { session in
          if let preflight = self.preflight, !isExamined.withLock(\.self) {
            // Before it counts as attached: nothing starts until all have been looked at.
            feed.yield(.examined(try await session.examine(self.plan, preflight.now)))
            isExamined.withLock { $0 = true }
          }
          feed.yield(.attached(node: node.name, processID: session.attached.processID))
          try await self.serve(session, orders, feed)
        }
        return
      } catch {
        if Task.isCancelled { return }
        feed.yield(.faulted(error))
        if error.kind == .held { return }
      }
      do { try await self.clock.sleep(for: Self.retryInterval) } catch { return }
    }
  }

  /// Returns when the node has been stopped.
  private func serve(
    _ session: NodeSession, _ orders: NodeOrders, _ feed: AsyncStream<Input>.Continuation
  ) async throws {
    let node = session.node.name
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        try await session.api.watch(.init()) { response in
          for try await status in response.messages {
            if let report = ReplicaReport(status, node: node) { feed.yield(.reported(report)) }
          }
        }
        return false
      }
      tasks.addTask {
        var startedCount = 0
        for await wanted in orders.subscribe() {
          if wanted.sparesWhatRuns, session.attached.hasLivingReplicas {
            feed.yield(.spared(node: node))
            return true
          }
          if wanted.isStopAsked {
            feed.yield(.left(node: node, await self.stop(session)))
            return true
          }
          let services = wanted.services.dropFirst(startedCount)
          try await self.start(Array(services), session, feed)
          startedCount = wanted.services.count
        }
        throw CancellationError()
      }
      while let isStopped = try await tasks.next() {
        guard isStopped else {
          throw NodeFault(
            node: node, kind: .unreachable,
            Diagnostic(code: "watch-ended", "the agent stopped reporting"))
        }
        tasks.cancelAll()
        return
      }
    }
  }

  private func start(
    _ services: [String], _ session: NodeSession, _ feed: AsyncStream<Input>.Continuation
  ) async throws(NodeFault) {
    let node = session.node.name
    let specs = self.plan.services.filter { services.contains($0.name) }.flatMap { service in
      service.replicas.filter { $0.node == node }
        .map { Muster_V1_ReplicaSpec(service.specification(of: $0)) }
    }
    guard !specs.isEmpty else { return }
    let response = try await session.call("start") { api, options in
      try await api.start(.with { $0.replicas = specs }, options: options)
    }
    for status in response.replicas {
      if let report = ReplicaReport(status, node: node) { feed.yield(.reported(report)) }
    }
  }

  private func stop(_ session: NodeSession) async -> [String] {
    await session.stopAndEnd(timeout: self.stopTimeout).leftovers
  }

  private var stopTimeout: Duration { self.plan.stopTimeout }
}

/// The end of an aborted launch: which nodes have still to stop what they run.
private struct Departure<Instant: InstantProtocol> {
  var waiting: Set<String>
  var deadline: Instant
  var reasons: [Diagnostic]
}

extension Muster_V1_AttachResponse {
  fileprivate var hasLivingReplicas: Bool {
    self.replicas.contains { ReplicaPhase($0.state)?.isFinal == false }
  }
}
