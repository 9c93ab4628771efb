package import Fleet
package import RecordFiles
package import Rollouts
import Synchronization

/// A node that takes part in the work.
package struct WorkNode<Log: RecordLog>: Sendable {
  package var name: NodeName
  /// Where its records go.
  package var log: Log
  /// The items in that log, all synced.
  package var recorded: OrdinalRangeSet

  package init(name: NodeName, log: Log, recorded: OrdinalRangeSet) {
    self.name = name
    self.log = log
    self.recorded = recorded
  }
}

/// Leases the items of a work to nodes and stores what they bring, until every item is on disk.
///
/// One child task for each node: open a stream, lease, receive, check, append, sync, acknowledge; and
/// again after a pause when the stream ends. A node that sends what is wrong is cut off; the others go
/// on.
package final class WorkDispatcher<C: Clock, Connector: WorkConnector, Log: RecordLog>: Sendable
where C.Duration == Duration, C.Instant: Sendable {
  let settings: WorkSettings
  let setup: LeaseSetup
  let nodes: [WorkNode<Log>]
  let clock: C
  let connector: Connector
  let validate: @Sendable (RecordBatch) -> String?
  let publish: @Sendable (DispatchProgress) -> Void
  let state: Mutex<WorkDispatcherState<C.Instant>>

  /// - Parameters:
  ///   - itemCount: 1 to 2^40.
  ///   - leaseIDFirst: Above all that earlier coordinators of this work used, such as the epoch in
  ///     milliseconds times 2^20.
  ///   - nodes: 1 to 4,096; another name for each.
  ///   - recordedElsewhere: Items in logs of nodes that take no part any more.
  ///   - validate: What is wrong with a batch whose frame is right; `nil`: nothing.
  ///   - progress: Called at every tick and at the end, by one task at a time.
  package init(
    setup: LeaseSetup, itemCount: UInt64, leaseIDFirst: UInt64, nodes: [WorkNode<Log>],
    recordedElsewhere: OrdinalRangeSet = OrdinalRangeSet(), clock: C, connector: Connector,
    settings: WorkSettings = WorkSettings(),
    validate: @escaping @Sendable (RecordBatch) -> String?,
    progress: @escaping @Sendable (DispatchProgress) -> Void
  ) {
    self.settings = settings
    self.setup = setup
    self.nodes = nodes
    self.clock = clock
    self.connector = connector
    self.validate = validate
    self.publish = progress
    var recorded = recordedElsewhere
    for node in nodes { for range in node.recorded.ranges { recorded.insert(range) } }
    let machine = LeaseMachine(
      itemCount: itemCount, nodeCount: nodes.count, recorded: recorded,
      leaseIDFirst: leaseIDFirst, settings: settings.lease, at: clock.now)
    self.state = Mutex(
      WorkDispatcherState(
        machine: machine, nodes: nodes.map { (name: $0.name.rawValue, recorded: $0.recorded) },
        at: clock.now))
  }

  /// Returns when every item is on disk, or nothing more can be done; cancellation stores what has
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
  /// A batch was damaged.
  case damaged(sequence: UInt64)
  /// Nothing came for the time of a lease.
  case silent
  /// The node ended the stream.
  case ended
  /// The coordinator's own disk refused.
  case store(RecordLogError)
}
