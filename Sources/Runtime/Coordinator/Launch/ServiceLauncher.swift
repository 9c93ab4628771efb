import Fleet
package import Plan

/// Carries a launch out: keeps a link to every node of the plan, feeds what they say to a
/// ``LaunchMachine``, and passes its decisions on.
///
/// Cancelling it leaves everything that was started running.
package struct ServiceLauncher<ClockType: Clock & Sendable, Connector: LaunchConnector>: Sendable
where ClockType.Duration == Duration, ClockType.Instant: Sendable {
  package typealias Machine = LaunchMachine<ClockType.Instant>
  private typealias Feed = AsyncStream<Input>.Continuation

  private enum Input: Sendable {
    case attached(node: String, processID: Int64, runsReplicas: Bool)
    case faulted(NodeFault)
    case examined(PreflightAnswer)
    case reported(ReplicaReport)
    case left(node: String, [String])
    case tick
  }

  /// What waits for the main loop: more than 4096 nodes with 16 changes each; agents repeat what
  /// matters, so the oldest are kept.
  private static var inputCountMax: Int { 1 << 16 }

  private let plan: Plan
  private let connector: Connector
  private let clock: ClockType
  private var settings: Machine.Settings
  private let preflight: LaunchPreflight?
  private let observe: @Sendable (LaunchEvent) async -> Void

  /// - Parameters:
  ///   - preflight: `nil` starts without a look at the nodes.
  ///   - observe: Hears of every event before it is acted on.
  package init(
    plan: Plan, connector: Connector, clock: ClockType, settings: Machine.Settings,
    preflight: LaunchPreflight? = nil, observe: @escaping @Sendable (LaunchEvent) async -> Void
  ) {
    self.plan = plan
    self.connector = connector
    self.clock = clock
    self.settings = settings
    self.settings.refusesFindings = preflight?.refuses ?? false
    self.preflight = preflight
    self.observe = observe
  }

  package func launch() async -> LaunchResult {
    let (inputs, feed) = AsyncStream.makeStream(
      of: Input.self, bufferingPolicy: .bufferingOldest(Self.inputCountMax))
    let machine = Machine(plan: self.plan, settings: self.settings, now: self.clock.now)
    let needed = Set(machine.neededNodes)
    let nodes = self.plan.nodes.filter { needed.contains($0.name) }.map { ($0, NodeOrders()) }
    return await withTaskGroup(of: Void.self) { tasks in
      for (node, orders) in nodes {
        tasks.addTask { await self.attend(node, orders, feed) }
      }
      tasks.addTask {
        let clock = self.clock
        while (try? await clock.sleep(
          until: clock.now.advanced(by: .seconds(1)), tolerance: nil)) != nil
        {
          feed.yield(.tick)
        }
      }
      let result = await self.decide(machine, inputs, nodes.map { ($0.0.name, $0.1) })
      tasks.cancelAll()
      return result
    }
  }

  private func decide(
    _ first: Machine, _ inputs: AsyncStream<Input>, _ nodes: [(name: String, orders: NodeOrders)]
  ) async -> LaunchResult {
    var machine = first
    for await input in inputs {
      for action in await self.take(input, &machine) {
        switch action {
        case .tell(let event): await self.observe(event)
        case .giveOrders:
          for node in nodes { node.orders.give(machine.order(of: node.name)) }
        case .end(let result): return result
        }
      }
    }
    // Cancelled: what runs goes on running.
    return LaunchResult(reasons: machine.reasons)
  }

  /// Tells of an input, and then asks the machine what to do about it.
  private func take(_ input: Input, _ machine: inout Machine) async -> [Machine.Action] {
    switch input {
    case .attached(let node, let processID, let runsReplicas):
      await self.observe(.attached(node: node, processID: processID))
      return machine.attached(node, runsReplicas: runsReplicas, at: self.clock.now)
    case .faulted(let fault):
      await self.observe(.faulted(fault))
      return machine.faulted(fault, at: self.clock.now)
    case .examined(let answer):
      await self.observe(.examined(answer))
      machine.examined(answer)
      return []
    case .reported(let report):
      await self.observe(.reported(report))
      return machine.reported(report, at: self.clock.now)
    case .left(let node, let leftovers):
      if !leftovers.isEmpty { await self.observe(.leftBehind(node: node, leftovers)) }
      return machine.left(node, hasLeftovers: !leftovers.isEmpty)
    case .tick:
      return machine.ticked(at: self.clock.now)
    }
  }

  // MARK: One node

  /// Keeps a link to the node until the launch ends or the node is of no use.
  private func attend(_ node: Plan.Node, _ orders: NodeOrders, _ feed: Feed) async {
    await LinkKeeper(.launch, clock: self.clock).keep { opened throws(NodeFault) in
      try await self.connector.withSession(to: node) { session in
        opened()
        if let preflight = self.preflight, !orders.isExamined {
          // Before it counts as attached: nothing starts until all have been looked at.
          feed.yield(.examined(try await session.examine(self.plan, preflight.now)))
          orders.isExamined = true
        }
        feed.yield(
          .attached(
            node: node.name, processID: session.processID, runsReplicas: session.runsReplicas))
        try await self.serve(session, of: node.name, orders, feed)
      }
    } lost: { fault in
      feed.yield(.faulted(fault))
      return fault.kind
    }
  }

  /// Returns when the node has been stopped.
  private func serve(
    _ session: Connector.Session, of node: String, _ orders: NodeOrders, _ feed: Feed
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        try await session.watch { feed.yield(.reported($0)) }
        throw NodeFault(
          node: node, kind: .unreachable,
          Diagnostic(code: "watch-ended", "the agent stopped reporting"))
      }
      tasks.addTask {
        var startedCount = 0
        for await order in orders.subscribe() {
          if order.isStopAsked {
            // One that could not be told is told over the next link.
            let remains = try await session.stop(timeout: self.plan.stopTimeout)
            feed.yield(.left(node: node, remains.leftovers))
            return
          }
          let names = order.services.dropFirst(startedCount)
          try await session.start(self.plan.services.filter { names.contains($0.name) }) {
            feed.yield(.reported($0))
          }
          startedCount = order.services.count
        }
        throw CancellationError()
      }
      try await tasks.next()
      tasks.cancelAll()
    }
  }
}
