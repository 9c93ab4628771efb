package import Fleet
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

  package init(name: NodeName, log: Log, history: WorkHistory) {
    self.name = name
    self.log = log
    self.history = history
  }
}

/// Leases the items of a work to nodes and stores what they bring, until every item is on disk or has
/// failed too often.
///
/// One child task for each node: open a stream, lease, receive, check, append, sync, acknowledge; and
/// again after a pause when the stream ends. A node that sends what is wrong is cut off; the others go
/// on.
package final class WorkDispatcher<C: Clock, Connector: WorkConnector, Log: RecordLog>: Sendable
where C.Duration == Duration, C.Instant: Sendable {
  let settings: WorkDispatcherSettings
  let plan: WorkPlan
  let nodes: [WorkNode<Log>]
  let clock: C
  let connector: Connector
  let publish: @Sendable (DispatchProgress) -> Void
  let state: Mutex<WorkDispatcherState<C.Instant>>

  /// - Parameters:
  ///   - leaseIDFirst: Above all that earlier coordinators of this work used, such as the epoch in
  ///     milliseconds times 2^20.
  ///   - nodes: 1 to 4,096; another name for each.
  ///   - elsewhere: What logs of nodes hold that take no part any more.
  ///   - progress: Called at every tick and at the end, by one task at a time.
  package init(
    plan: WorkPlan, leaseIDFirst: UInt64, nodes: [WorkNode<Log>],
    elsewhere: WorkHistory = WorkHistory(), clock: C, connector: Connector,
    settings: WorkDispatcherSettings = WorkDispatcherSettings(),
    progress: @escaping @Sendable (DispatchProgress) -> Void
  ) {
    self.settings = settings
    self.plan = plan
    self.nodes = nodes
    self.clock = clock
    self.connector = connector
    self.publish = progress
    var history = elsewhere
    for node in nodes { history.add(node.history) }
    let machine = LeaseMachine(
      itemCount: plan.itemCount, attemptCountMax: plan.attemptCountMax, nodeCount: nodes.count,
      history: history, leaseIDFirst: leaseIDFirst, settings: settings.lease, at: clock.now)
    self.state = Mutex(
      WorkDispatcherState(
        machine: machine, nodes: nodes.map { (name: $0.name.rawValue, history: $0.history) },
        at: clock.now))
  }

  /// Returns when no item is left to be done, or nothing more can be done; cancellation stores what has
  /// come in and returns. Called once.
  package func run() async -> DispatchResult {
    if !self.state.withLock({ $0.machine.isFinished }) {
      await withTaskGroup(of: Void.self) { group in
        for index in self.nodes.indices { group.addTask { await self.serve(index) } }
        group.addTask { await self.watchTime() }
        while await group.next() != nil {
          if self.state.withLock({ $0.isOver && $0.openStreamCount == 0 }) { group.cancelAll() }
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
      guard (try? await self.sleep(self.settings.tick)) != nil else { return }
      let now = self.clock.now
      let progress = self.state.withLock { state in
        state.ticked(at: now, unreachableTimeout: self.settings.unreachableTimeout)
        return state.progress
      }
      self.publish(progress)
    }
    let end = self.clock.now.advanced(by: self.settings.drainTimeout)
    while self.clock.now < end, self.state.withLock({ $0.openStreamCount > 0 }) {
      guard (try? await self.sleep(.milliseconds(20))) != nil else { return }
    }
    self.state.withLock { $0.openStreamCount = 0 }
  }

  func sleep(_ duration: Duration) async throws {
    try await self.clock.sleep(until: self.clock.now.advanced(by: duration), tolerance: nil)
  }

  // MARK: One node

  private func serve(_ index: Int) async {
    await LinkKeeper(self.settings.link, clock: self.clock).keep { opened in
      try await self.visit(index, opened)
    } lost: { _ in
      self.state.withLock { $0.isOver || $0.isCutOff(index) } ? nil : .unreachable
    }
  }

  private func visit(_ index: Int, _ opened: @escaping @Sendable () -> Void) async throws {
    let openedCount = self.state.withLock { $0.streams[index].openedCount }
    defer {
      self.state.withLock { state in
        if state.streams[index].openedCount > openedCount { state.left(index) }
      }
    }
    do {
      try await self.connector.withLink(to: self.nodes[index].name) { link in
        opened()
        try await self.serve(link, of: index)
      }
    } catch let fault as WorkFault {
      self.state.withLock { $0.faulted(index, fault, countMax: self.settings.damageCountMax) }
      throw fault
    } catch {
      self.state.withLock { $0.disconnected(index, "\(error)") }
      throw error
    }
  }

  private func serve(_ link: Connector.Link, of index: Int) async throws {
    let session = WorkSession(dispatcher: self, link: link, index: index)
    try await session.run()
  }
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
  case store(RecordLogError)
}

/// Waits and bounds of a ``WorkDispatcher``.
package struct WorkDispatcherSettings: Sendable {
  package var lease = LeaseSettings()
  /// Between two looks at the time: expiry, progress.
  package var tick: Duration = .milliseconds(250)
  /// Between two attempts to open a stream.
  package var link = LinkMachine.Settings.work
  /// With no stream open for so long, the work ends incomplete.
  package var unreachableTimeout: Duration = .seconds(120)
  /// After the last record: time for nodes to hear that it is stored.
  package var drainTimeout: Duration = .seconds(2)
  /// Bytes of a node's records that wait for the disk; beyond, its stream is not read.
  package var pendingSizeMax = 4 << 20
  /// Damaged batches in a row, each ending its stream, before a node is cut off.
  package var damageCountMax = 3

  package init() {}
}
