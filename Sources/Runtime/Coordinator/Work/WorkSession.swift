import RecordFiles
import Rollouts
import Synchronization

/// One stream of work to one node, from its setup to its end.
struct WorkSession<C: Clock, Connector: WorkConnector, Log: RecordLog>: Sendable
where C.Duration == Duration, C.Instant: Sendable {
  private typealias Bell = AsyncStream<Void>.Continuation

  /// What the stream's tasks share.
  private struct Inbox {
    var pending: [RecordBatch] = []
    var pendingSize = 0
    /// On disk, and not acknowledged yet; 0: none.
    var acknowledge: UInt64 = 0
    var heardAt: C.Instant
  }

  private let dispatcher: WorkDispatcher<C, Connector, Log>
  private let link: Connector.Link
  private let index: Int
  private let inbox: InboxBox

  /// A mutex cannot lie in a copyable struct.
  private final class InboxBox: Sendable {
    let state: Mutex<Inbox>
    init(_ inbox: Inbox) { self.state = Mutex(inbox) }
  }

  init(dispatcher: WorkDispatcher<C, Connector, Log>, link: Connector.Link, index: Int) {
    self.dispatcher = dispatcher
    self.link = link
    self.index = index
    self.inbox = InboxBox(Inbox(heardAt: dispatcher.clock.now))
  }

  /// Returns when no item of the work is left to be done.
  ///
  /// - Throws: `WorkFault`, or what the link throws, when the stream ends before.
  func run() async throws {
    let (orderRings, orderBell) = Self.bell()
    let (storeRings, storeBell) = Self.bell()
    let (roomRings, roomBell) = Self.bell()
    self.dispatcher.state.withLock { $0.connected(self.index, bell: orderBell) }
    defer { self.dispatcher.state.withLock { $0.closed(self.index) } }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await self.order(orderRings) }
      group.addTask { try await self.receive(storeBell, roomRings) }
      group.addTask { try await self.store(storeRings, orderBell, roomBell) }
      group.addTask { try await self.watch() }
      defer { group.cancelAll() }
      try await group.next()
    }
    guard self.dispatcher.state.withLock({ $0.machine.isFinished }) else { throw WorkFault.ended }
  }

  private static func bell() -> (AsyncStream<Void>, Bell) {
    let (rings, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    bell.yield()
    return (rings, bell)
  }

  // MARK: Orders

  /// Sends the setup, the leases that stand, then whatever there is to say, until the work is over.
  private func order(_ rings: AsyncStream<Void>) async throws {
    try await self.link.send(.setup(LeaseSetup(self.dispatcher.plan)))
    let standing = self.dispatcher.state.withLock { $0.machine.leases(of: self.index) }
    for lease in standing { try await self.link.send(.lease(lease)) }
    for await _ in rings {
      while let order = self.nextOrder() { try await self.link.send(order) }
      if self.dispatcher.state.withLock({ $0.isOver }) { return }
    }
    try Task.checkCancellation()
  }

  private func nextOrder() -> LeaseOrder? {
    let acknowledge = self.inbox.state.withLock { inbox in
      defer { inbox.acknowledge = 0 }
      return inbox.acknowledge
    }
    if acknowledge > 0 { return .acknowledgement(acknowledge) }
    let now = self.dispatcher.clock.now
    return self.dispatcher.state.withLock { state in
      state.isOver ? nil : state.nextOrder(for: self.index, at: now)
    }
  }

  // MARK: Reports

  private func receive(_ storeBell: Bell, _ roomRings: AsyncStream<Void>) async throws {
    var room = roomRings.makeAsyncIterator()
    var check = DispatchCheck(self.dispatcher.plan)
    for try await report in self.link.reports {
      let now = self.dispatcher.clock.now
      self.inbox.state.withLock { $0.heardAt = now }
      switch report {
      case .batch(let batch):
        try self.check(batch, &check)
        self.dispatcher.state.withLock { $0.machine.heard(from: self.index, at: now) }
        self.inbox.state.withLock { inbox in
          inbox.pending.append(batch)
          inbox.pendingSize += batch.lines.count
        }
        storeBell.yield()
        let bound = self.dispatcher.settings.pendingSizeMax
        while self.inbox.state.withLock({ $0.pendingSize >= bound }) {
          guard await room.next() != nil else { throw CancellationError() }
        }
      case .progress(let progress):
        self.dispatcher.state.withLock { state in
          state.machine.progressed(progress, of: self.index, at: now)
          // It may have room for more than was known.
          state.streams[self.index].orderBell?.yield()
        }
      case .fault(var fault):
        fault.message = String(fault.message.prefix(500))
        if fault.kind.isLasting { throw WorkFault.refused(fault) }
        guard self.dispatcher.state.withLock({ $0.nodeFaulted(self.index, at: now) }) else {
          throw WorkFault.wrong(fault.message)
        }
      }
    }
  }

  private func check(
    _ batch: RecordBatch, _ check: inout DispatchCheck
  ) throws(WorkFault) {
    let deliverable = self.dispatcher.state.withLock {
      $0.machine.deliverable(leaseID: batch.leaseID, by: self.index)
    }
    switch check.check(batch, deliverable: deliverable) {
    case .fine: break
    case .damaged: throw .damaged(sequence: batch.sequence)
    case .wrong(let reason): throw .wrong("batch \(batch.sequence): \(reason)")
    }
  }

  /// Ends the stream of a node from which nothing comes, not even its heartbeat.
  private func watch() async throws {
    let timeout = self.dispatcher.settings.lease.timeout
    while true {
      try await self.dispatcher.sleep(timeout / 4)
      let now = self.dispatcher.clock.now
      let heardAt = self.inbox.state.withLock { $0.heardAt }
      if heardAt.duration(to: now) >= timeout { throw WorkFault.silent }
    }
  }

  // MARK: Storing

  /// Writes what has come in: many batches with one sync, and then they are acknowledged.
  private func store(
    _ rings: AsyncStream<Void>, _ orderBell: Bell, _ roomBell: Bell
  ) async throws {
    for await _ in rings {
      try await self.storePending(orderBell, roomBell)
    }
    // Cancelled: what has come in is kept all the same.
    try await self.storePending(orderBell, roomBell)
  }

  private func storePending(_ orderBell: Bell, _ roomBell: Bell) async throws(WorkFault) {
    while true {
      let batches = self.inbox.state.withLock { inbox in
        defer { inbox.pending.removeAll() }
        return inbox.pending
      }
      guard let last = batches.map(\.sequence).max() else { return }
      let log = self.dispatcher.nodes[self.index].log
      let new = self.dispatcher.state.withLock { state in
        batches.filter { !state.streams[self.index].stored.new(in: $0.header).isEmpty }
      }
      if !new.isEmpty {
        do throws(RecordLogError) {
          try await log.append(new)
          try await log.sync()
        } catch {
          throw .store(error)
        }
      }
      self.inbox.state.withLock { inbox in
        inbox.pendingSize -= batches.reduce(0) { $0 + $1.lines.count }
        inbox.acknowledge = max(inbox.acknowledge, last)
      }
      let now = self.dispatcher.clock.now
      self.dispatcher.state.withLock { $0.stored(batches, by: self.index, at: now) }
      orderBell.yield()
      roomBell.yield()
    }
  }
}
