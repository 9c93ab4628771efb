package import Fleet
import OperatingSystem
package import RecordFiles
package import Rollouts
import Synchronization

/// A node that takes part in the work.
package struct WorkNode<Log: RecordLog>: Sendable {
  package var name: NodeName
  /// Where its records go.
  package var log: Log
  /// What that log holds, all synced.
  package var history: WorkHistory
  /// What earlier coordinators leased to it.
  package var leased = LeasedItems()
}

/// Leases the items of a work to nodes and stores what they bring, until every item is on disk or has
/// failed too often.
///
/// One child task for each node: open a stream, lease, receive, check, append, sync, acknowledge; and
/// again after a pause when the stream ends. A node that sends what is wrong is cut off; the others go
/// on.
package final class WorkDispatcher<C: Clock, Connector: WorkConnector, Log: RecordLog>: Sendable
where C.Duration == Duration, C.Instant: Sendable {
  let settings = WorkDispatcherSettings()
  let plan: WorkPlan
  let nodes: [WorkNode<Log>]
  let clock: C
  let connector: Connector
  let publish: @Sendable (DispatchProgress) -> Void
  let leases: any LeaseLog
  let state: Mutex<WorkDispatcherState<C.Instant>>

  /// - Parameters:
  ///   - leaseIDFirst: Above all that earlier coordinators of this work used, such as the epoch in
  ///     milliseconds times 2^20.
  ///   - nodes: 1 to 4,096; another name for each.
  ///   - elsewhere: What logs of nodes hold that take no part any more.
  ///   - leases: Where each is kept for later coordinators, before its node hears of it.
  ///   - progress: Called at every tick and at the end, by one task at a time.
  package init(
    plan: WorkPlan, leaseIDFirst: UInt64, nodes: [WorkNode<Log>],
    elsewhere: WorkHistory = WorkHistory(), leases: any LeaseLog, clock: C, connector: Connector,
    progress: @escaping @Sendable (DispatchProgress) -> Void
  ) {
    self.plan = plan
    self.nodes = nodes
    self.clock = clock
    self.connector = connector
    self.leases = leases
    self.publish = progress
    var history = elsewhere
    for node in nodes {
      history.add(node.history)
      history.add(node.leased)
    }
    let machine = LeaseMachine(
      itemCount: plan.itemCount, attemptCountMax: plan.attemptCountMax, nodeCount: nodes.count,
      history: history, leased: nodes.map(\.leased), leaseIDFirst: leaseIDFirst,
      settings: self.settings.lease, at: clock.now)
    self.state = Mutex(
      WorkDispatcherState(
        machine: machine,
        streams: nodes.map { .init(name: $0.name.rawValue, stored: $0.history) },
        aloneSince: clock.now))
  }

  /// Returns when no item is left to be done, or nothing more can be done; cancellation stores what has
  /// come in and returns. Called once.
  package func run() async -> DispatchResult {
    if !self.state.withLock({ $0.machine.isFinished }) {
      await withTaskGroup(of: Void.self) { group in
        for index in self.nodes.indices { group.addTask { await self.serve(index) } }
        group.addTask { await self.watchTime() }
        while await group.next() != nil {
          if self.state.withLock({ $0.isOver && ($0.isDrained || !$0.hasOpenStream) }) {
            group.cancelAll()
          }
        }
      }
    }
    let (result, progress) = self.state.withLock { ($0.result, $0.progress) }
    self.publish(progress)
    return result
  }

  /// Takes back leases, gives up what cannot end, and tells how far the work is; then gives streams
  /// the time to say goodbye.
  private func watchTime() async {
    while !self.state.withLock({ $0.isOver }) {
      guard (try? await self.clock.sleep(for: self.settings.tick)) != nil else { return }
      let now = self.clock.now
      let progress = self.state.withLock { state in
        state.ticked(at: now, unreachableTimeout: self.settings.unreachableTimeout)
        return state.progress
      }
      self.publish(progress)
    }
    let end = self.clock.now.advanced(by: self.settings.drainTimeout)
    while self.clock.now < end, self.state.withLock({ $0.hasOpenStream }) {
      guard (try? await self.clock.sleep(for: .milliseconds(20))) != nil else { return }
    }
    self.state.withLock { $0.isDrained = true }
  }

  // MARK: One node

  private func serve(_ index: Int) async {
    await LinkKeeper.keep(self.settings.link, clock: self.clock) { opened in
      try await self.visit(index, opened)
    } lost: { error in
      if self.state.withLock({ $0.isOver || $0.isCutOff(index) }) { return nil }
      return (error as? NodeFault)?.kind ?? .unreachable
    }
  }

  private func visit(_ index: Int, _ opened: @escaping @Sendable () -> Void) async throws {
    defer { self.state.withLock { $0.streams[index].isOpen = false } }
    do {
      try await self.connector.withLink(to: self.nodes[index].name) { link in
        opened()
        try await WorkSession(dispatcher: self, link: link, index: index).run()
      }
    } catch let fault as WorkFault {
      self.state.withLock { $0.faulted(index, fault, countMax: self.settings.damageCountMax) }
      throw fault
    } catch {
      self.state.withLock { state in
        let fault = error as? NodeFault
        state.disconnected(index, fault?.diagnostic.summary ?? "\(error)")
        // A run is one coordinator's on all of its nodes.
        if let fault, fault.kind.isAnothers { state.end(.held(fault)) }
      }
      throw error
    }
  }
}

/// One stream of work to one node.
package protocol WorkLink: Sendable {
  associatedtype Reports: AsyncSequence & Sendable where Reports.Element == LeaseReport

  /// What the node says, in order; ends or throws when the stream ends. Iterated once.
  var reports: Reports { get }

  /// Sends an order after those sent before. May return before it has left.
  func send(_ order: LeaseOrder) async throws
}

/// Opens streams of work to nodes.
package protocol WorkConnector: Sendable {
  associatedtype Link: WorkLink

  /// Opens a stream, passes it to `body` and closes it when that returns: without an error when all
  /// the work is on disk. Opening has a deadline.
  func withLink(to node: NodeName, _ body: @escaping @Sendable (Link) async throws -> Void)
    async throws
}

/// Why a stream was ended from this side.
enum WorkFault: Error, Equatable {
  /// The node sends what no node of ours sends.
  case wrong(String)
  /// The node will never do this work.
  case refused(LeaseFault)
  /// A batch was damaged.
  case damaged(sequence: UInt64)
  /// Nothing came for the time of a lease.
  case silent
  /// The node ended the stream.
  case ended
  /// The coordinator's own disk refused.
  case store(SystemFault)
}

/// Waits and bounds of a ``WorkDispatcher``.
struct WorkDispatcherSettings: Sendable {
  let lease = LeaseSettings()
  /// Between two looks at the time: expiry, progress.
  let tick: Duration = .milliseconds(250)
  /// Between two attempts to open a stream.
  let link = LinkMachine.Settings.work
  /// With no stream open for so long, the work ends incomplete.
  let unreachableTimeout: Duration = .seconds(120)
  /// After the last record: time for nodes to hear that it is stored.
  let drainTimeout: Duration = .seconds(2)
  /// Bytes of a node's records that wait for the disk; beyond, its stream is not read.
  let pendingSizeMax = 4 << 20
  /// Damaged batches in a row, each ending its stream, before a node is cut off.
  let damageCountMax = 3
}

/// How far the work is.
package struct DispatchProgress: Equatable, Sendable {
  package struct Node: Equatable, Sendable {
    package var name: String
    /// Items that this node was the first to bring, by this coordinator.
    package var recordedCount: UInt64
    /// Items in a second; 0: unknown.
    package var rate: Double
    package var state: State
  }

  package enum State: Equatable, Sendable {
    case connected
    /// The reason, in words; empty before the first attempt has ended.
    case unreachable(String)
    /// It gets nothing any more, and why.
    case cutOff(String)
  }

  /// Items on the coordinator's disk, with those of earlier coordinators of this work.
  package var recordedCount: UInt64
  /// Items that failed too often.
  package var abandonedCount: UInt64
  package var itemCount: UInt64
  /// In the order in which they were given.
  package var nodes: [Node]
}

/// How the work ended.
package struct DispatchResult: Equatable, Sendable {
  package enum Ending: Equatable, Sendable {
    /// Every item is recorded, or failed as often as the plan allows.
    case complete
    /// Every node that could be reached says that it will never do this work, and why.
    case refused(LeaseFault)
    /// No node could be reached for the written time, or all were cut off.
    case unreachable
    /// The coordinator's own disk refused.
    case storeFailed(String)
    /// Another coordinator is at work on the run, or has taken it over.
    case held(NodeFault)
    case cancelled

    /// In one word, for the journal.
    package var name: String {
      switch self {
      case .complete: "complete"
      case .refused: "refused"
      case .unreachable: "unreachable"
      case .storeFailed: "store-failed"
      case .held: "held"
      case .cancelled: "cancelled"
      }
    }
  }

  package var ending: Ending
  /// Items that are not recorded, in order.
  package var missing: [Range<UInt64>]
  /// The last state of each node says what was wrong with it.
  package var progress: DispatchProgress
}

extension DispatchResult {
  /// What a person is told of the nodes that could not be used to the end, a sentence for each.
  package var warnings: [String] {
    let isExplained =
      switch self.ending {
      case .complete, .held: true
      case .refused, .unreachable, .storeFailed, .cancelled: false
      }
    return self.progress.nodes.compactMap { node in
      switch node.state {
      case .unreachable(let reason) where !isExplained && !reason.isEmpty:
        "\(node.name): \(reason)"
      case .connected, .unreachable: nil
      case .cutOff(let reason): "\(node.name) was cut off: \(reason)"
      }
    }
  }

  /// Why the work could not be done; `nil`: it was, or some of it is missing.
  package var refusal: Diagnostic? {
    switch self.ending {
    case .complete, .unreachable, .cancelled: nil
    case .held(let fault):
      [fault].folded().first.map { diagnostic in
        var diagnostic = diagnostic
        diagnostic.hints.append("`--resume` finishes this eval then: what came in is kept")
        return diagnostic
      }
    case .refused(let fault):
      Diagnostic(
        code: "work-refused", "the agents cannot do this work", causes: [fault.message],
        hints: ["end the run with the `muster` that began it, and begin anew"])
    case .storeFailed(let words):
      Diagnostic(
        code: "records-not-stored", "the records that came in cannot be stored", causes: [words],
        hints: ["make room, then `--resume` finishes it: what was stored before is kept"])
    }
  }
}
