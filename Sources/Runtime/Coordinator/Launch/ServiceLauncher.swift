package import Fleet
import Health
import Launch
package import Plan
import Synchronization

/// Carries a launch out: keeps a link to every node of the plan, feeds what they say to a
/// ``LaunchMachine``, and passes its decisions on.
///
/// Cancelling it leaves everything that was started running.
package struct ServiceLauncher<ClockType: Clock & Sendable, Connector: LaunchConnector>: Sendable
where ClockType.Duration == Duration, ClockType.Instant: Sendable {
  package typealias Machine = LaunchMachine<ClockType.Instant>
  private typealias Feed = AsyncStream<Input>.Continuation

  private enum Input: Sendable {
    case event(LaunchEvent)
    /// How a replica was when its node's link was opened: its watch tells of it, too.
    case found(ReplicaReport)
    case left(node: String, NodeRemains)
    case tick
  }

  /// What waits for the main loop: more than 4096 nodes with 16 changes each; agents repeat what
  /// matters, so the oldest are kept.
  private static var inputCountMax: Int { 1 << 16 }

  private let plan: Plan
  private let connector: Connector
  private let clock: ClockType
  private let settings: Machine.Settings
  private let now: (@Sendable () -> Int64)?
  private let observe: @Sendable (LaunchEvent) async -> Void

  /// - Parameters:
  ///   - now: Milliseconds since 1970, for the nodes' clocks to be compared with; `nil` starts without a
  ///     look at the nodes.
  ///   - observe: Hears of every event before it is acted on.
  package init(
    plan: Plan, connector: Connector, clock: ClockType, settings: Machine.Settings,
    now: (@Sendable () -> Int64)? = nil, observe: @escaping @Sendable (LaunchEvent) async -> Void
  ) {
    self.plan = plan
    self.connector = connector
    self.clock = clock
    self.settings = settings
    self.now = now
    self.observe = observe
  }

  package func launch() async -> LaunchResult {
    let (inputs, feed) = AsyncStream.makeStream(
      of: Input.self, bufferingPolicy: .bufferingOldest(Self.inputCountMax))
    let machine = Machine(
      plan: self.plan, epoch: self.connector.epoch, settings: self.settings, now: self.clock.now)
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

  private func take(_ input: Input, _ machine: inout Machine) async -> [Machine.Action] {
    switch input {
    case .event(let event):
      await self.observe(event)
      let now = self.clock.now
      switch event {
      case .attached(let node, _): return machine.attached(node, at: now)
      case .faulted(let fault): return machine.faulted(fault, at: now)
      case .reported(let report): return machine.reported(report, at: now)
      case .examined(let answer): machine.examined(answer)
      // What the machine tells comes from no node.
      case .checked, .starting, .warned, .succeeded, .aborted, .leftBehind: break
      }
      return []
    case .found(let report):
      return machine.reported(report, at: self.clock.now)
    case .left(let node, let remains):
      if !remains.leftovers.isEmpty {
        await self.observe(.leftBehind(node: node, remains.leftovers))
      }
      return machine.left(
        node, hasRemains: !(remains.leftovers.isEmpty && remains.living.isEmpty))
    case .tick:
      return machine.ticked(at: self.clock.now)
    }
  }

  // MARK: One node

  /// Keeps a link to the node until the launch ends or the node is of no use.
  private func attend(_ node: Plan.Node, _ orders: NodeOrders, _ feed: Feed) async {
    await LinkKeeper.keep(.launch, clock: self.clock) { opened throws(NodeFault) in
      try await self.connector.withSession(to: node) { session in
        opened()
        if let now = self.now, !orders.isExamined {
          // Before it counts as attached: nothing starts until all have been looked at.
          feed.yield(.event(.examined(try await session.examine(self.plan, now))))
          orders.isExamined = true
        }
        // What lives then and ends before the watch has told of it must be known to have lived.
        for report in session.found { feed.yield(.found(report)) }
        feed.yield(.event(.attached(node: node.name, processID: session.processID)))
        try await self.serve(session, of: node.name, orders, feed)
      }
    } lost: { fault in
      feed.yield(.event(.faulted(fault)))
      return fault.kind
    }
  }

  /// Returns when the node has been stopped.
  private func serve(
    _ session: Connector.Session, of node: String, _ orders: NodeOrders, _ feed: Feed
  ) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        do {
          try await session.watch { feed.yield(.event(.reported($0))) }
        } catch {
          if !orders.isStopAsked { throw error }
        }
        // Who stops it says how that went, and its reports end with its daemon.
        if orders.isStopAsked { return false }
        throw NodeFault(stoppedReporting: node)
      }
      tasks.addTask {
        // One launch starts nothing twice, whatever has become of it meanwhile.
        var begun = self.begun(in: session.found)
        var startedCount = 0
        for await order in orders.subscribe() {
          if order.isStopAsked {
            // One that could not be told is told over the next link.
            feed.yield(.left(node: node, try await session.abandon(self.plan)))
            return true
          }
          let names = order.services.dropFirst(startedCount)
          let services = self.plan.services.filter { names.contains($0.name) }
          let reports = try await session.start(services.map { $0.without(begun) })
          // How they are is the watch's to say: this answer may come after what happened later.
          begun.formUnion(self.begun(in: reports))
          startedCount = order.services.count
        }
        throw CancellationError()
      }
      while try await tasks.next() == false {}
      tasks.cancelAll()
    }
  }

  /// What this coordinator has had started.
  private func begun(in reports: [ReplicaReport]) -> Set<ReplicaKey> {
    Set(reports.filter { $0.startedBy == self.connector.epoch }.map(\.key))
  }
}

/// What happens during a launch, for the journal and for whoever watches.
package enum LaunchEvent: Equatable, Sendable {
  case attached(node: String, processID: Int64)
  case faulted(NodeFault)
  case examined(PreflightAnswer)
  /// What the facts of all nodes add up to, before anything starts.
  case checked([PreflightFinding])
  case starting(services: [String])
  case reported(ReplicaReport)
  /// Nothing that ends the launch, but something to know.
  case warned(Diagnostic)
  case succeeded
  case aborted([Diagnostic])
  /// After an abort or a stop: what the agents could not prove gone.
  case leftBehind(node: String, [String])
}

/// How a launch came out.
package struct LaunchResult: Equatable, Sendable {
  /// What a launch fails by.
  package enum Culprit: Equatable, Sendable {
    case nodes
    case service
  }

  /// Why not every service is ready; empty: they are.
  package var reasons: [Diagnostic] = []
  /// Of the reasons.
  package var culprit = Culprit.nodes
  /// Whether nothing of the run is left: all that this launch started is gone again, as the agents have
  /// proved, and nothing was there before.
  package var isOver = false

  package init(
    reasons: [Diagnostic] = [], culprit: Culprit = .nodes, isOver: Bool = false
  ) {
    (self.reasons, self.culprit, self.isOver) = (reasons, culprit, isOver)
  }
}

/// A link on which the agent has answered, as a launch uses it.
package protocol LaunchSession: Sendable {
  var processID: Int64 { get }
  /// How the replicas there were when the link was opened.
  var found: [ReplicaReport] { get }

  /// Asks the node what it is and has.
  ///
  /// - Parameter now: Milliseconds since 1970 by the coordinator's clock.
  func examine(_ plan: Plan, _ now: @Sendable () -> Int64) async throws(NodeFault)
    -> PreflightAnswer

  /// Passes on the state of every replica, then each change, for as long as the agent reports.
  func watch(_ hear: @escaping @Sendable (ReplicaReport) async -> Void) async throws

  /// Starts what does not run of these services on this node.
  ///
  /// - Returns: How all its replicas were when it answered.
  func start(_ services: [Plan.Service]) async throws(NodeFault) -> [ReplicaReport]

  /// Stops what this coordinator has had started there of a plan, and ends the daemon if nothing else of
  /// the run lives there.
  ///
  /// - Returns: What is there yet.
  func abandon(_ plan: Plan) async throws(NodeFault) -> NodeRemains
}

/// Opens links for a launch.
package protocol LaunchConnector: Sendable {
  associatedtype Session: LaunchSession

  /// Of this coordinator.
  var epoch: UInt64 { get }

  /// Opens a link, passes it to `body`, and closes it when that returns. Opening has a deadline.
  func withSession(
    to node: Plan.Node, _ body: @escaping @Sendable (Session) async throws -> Void
  ) async throws(NodeFault)
}

extension Plan.Service {
  fileprivate func without(_ replicas: Set<ReplicaKey>) -> Self {
    var service = self
    service.replicas.removeAll {
      replicas.contains(ReplicaKey(service: self.name, index: $0.index))
    }
    return service
  }
}

/// What a node should do, as it stands.
package struct LaunchOrder: Equatable, Sendable {
  /// Services that have been started, in order.
  package var services: [String] = []
  package var isStopAsked = false
}

/// The order of one node: kept over links, so that a new one is told all of it.
final class NodeOrders: Sendable {
  private struct State {
    var order = LaunchOrder()
    var listener: AsyncStream<LaunchOrder>.Continuation?
    var isExamined = false
  }

  private let state = Mutex(State())

  var isExamined: Bool {
    get { self.state.withLock { $0.isExamined } }
    set { self.state.withLock { $0.isExamined = newValue } }
  }

  var isStopAsked: Bool { self.state.withLock { $0.order.isStopAsked } }

  /// What is wanted now, then after each change; replaces an earlier subscription. Only the latest
  /// order is kept, since each says everything.
  func subscribe() -> AsyncStream<LaunchOrder> {
    let (stream, listener) = AsyncStream.makeStream(
      of: LaunchOrder.self, bufferingPolicy: .bufferingNewest(1))
    let replaced = self.state.withLock { state in
      let replaced = state.listener
      state.listener = listener
      listener.yield(state.order)
      return replaced
    }
    replaced?.finish()
    return stream
  }

  func give(_ order: LaunchOrder) {
    self.state.withLock { state in
      if state.order == order { return }
      state.order = order
      state.listener?.yield(order)
    }
  }
}
