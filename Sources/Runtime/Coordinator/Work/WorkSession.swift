import Fleet
import OperatingSystem
import RecordFiles
import Rollouts
import Synchronization

/// One stream of work to one node, from its setup to its end.
final class WorkSession<C: Clock, Connector: WorkConnector, Log: RecordLog>: Sendable
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
  private let inbox: Mutex<Inbox>

  init(dispatcher: WorkDispatcher<C, Connector, Log>, link: Connector.Link, index: Int) {
    self.dispatcher = dispatcher
    self.link = link
    self.index = index
    self.inbox = Mutex(Inbox(heardAt: dispatcher.clock.now))
  }

  /// Returns when no item of the work is left to be done.
  ///
  /// - Throws: `WorkFault`, or what the link throws, when the stream ends before.
  func run() async throws {
    let (orderRings, orderBell) = Self.bell()
    let (storeRings, storeBell) = Self.bell()
    let (roomRings, roomBell) = Self.bell()
    self.dispatcher.state.withLock { $0.connected(self.index, bell: orderBell) }
    defer { self.dispatcher.state.withLock { $0.streams[self.index].orderBell = nil } }
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
    let plan = self.dispatcher.plan
    try await self.link.send(
      .setup(
        LeaseSetup(
          workID: plan.workID, kind: plan.kind, specification: plan.specification,
          rolloutsPerTask: plan.rolloutsPerTask)))
    let standing = self.dispatcher.state.withLock { $0.machine.leases(of: self.index) }
    for lease in standing { try await self.link.send(.lease(lease)) }
    for await _ in rings {
      while let order = self.nextOrder() {
        if case .lease(let lease) = order { try await self.note(lease) }
        try await self.link.send(order)
      }
      if self.dispatcher.state.withLock({ $0.isOver }) { return }
    }
    try Task.checkCancellation()
  }

  private func note(_ lease: Lease) async throws(WorkFault) {
    do throws(SystemFault) {
      let node = self.dispatcher.nodes[self.index].name.rawValue
      try await self.dispatcher.leases.append(lease, to: node)
    } catch {
      throw .store(error)
    }
  }

  private func nextOrder() -> LeaseOrder? {
    let acknowledge = self.inbox.withLock { inbox in
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
      self.inbox.withLock { $0.heardAt = now }
      switch report {
      case .batch(let batch):
        let deliverable = self.dispatcher.state.withLock {
          $0.machine.deliverable(batch.header, by: self.index)
        }
        switch check.check(batch, deliverable: deliverable) {
        case .fine: break
        case .damaged: throw WorkFault.damaged(sequence: batch.sequence)
        case .wrong(let reason): throw WorkFault.wrong("batch \(batch.sequence): \(reason)")
        }
        self.dispatcher.state.withLock { $0.machine.heard(from: self.index, at: now) }
        self.inbox.withLock { inbox in
          inbox.pending.append(batch)
          inbox.pendingSize += batch.lines.count
        }
        storeBell.yield()
        let bound = self.dispatcher.settings.pendingSizeMax
        while self.inbox.withLock({ $0.pendingSize >= bound }) {
          guard await room.next() != nil else { throw CancellationError() }
        }
      case .progress(let progress):
        self.dispatcher.state.withLock { state in
          state.machine.progressed(progress, of: self.index, at: now)
          // It may have room for more than was known.
          state.streams[self.index].orderBell?.yield()
        }
      case .fault(var fault):
        fault.message = fault.message.cut(toBytes: 500)
        if fault.kind.isLasting { throw WorkFault.refused(fault) }
        guard self.dispatcher.state.withLock({ $0.nodeFaulted(self.index, at: now) }) else {
          throw WorkFault.wrong(fault.message)
        }
      }
    }
  }

  /// Ends the stream of a node from which nothing comes, not even its heartbeat.
  private func watch() async throws {
    let timeout = self.dispatcher.settings.lease.timeout
    while true {
      try await self.dispatcher.clock.sleep(for: timeout / 4)
      let now = self.dispatcher.clock.now
      let heardAt = self.inbox.withLock { $0.heardAt }
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
      let batches = self.inbox.withLock { inbox in
        defer { inbox.pending.removeAll() }
        return inbox.pending
      }
      guard let last = batches.map(\.sequence).max() else { return }
      let log = self.dispatcher.nodes[self.index].log
      let new = self.dispatcher.state.withLock { state in
        batches.indices.filter { place in
          let header = batches[place].header
          return state.machine.counts(header, by: self.index)
            && !state.streams[self.index].stored.new(in: header).isEmpty
            // Nor what has come twice since the last look.
            && !batches[..<place].contains { $0.header == header }
        }.map { batches[$0] }
      }
      if !new.isEmpty {
        do throws(SystemFault) {
          try await log.append(new)
          try await log.sync()
        } catch {
          throw .store(error)
        }
      }
      self.inbox.withLock { inbox in
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

/// What the tasks of a ``WorkDispatcher`` share: the lease machine, and what is known of each stream.
struct WorkDispatcherState<Instant: InstantProtocol & Sendable>: Sendable
where Instant.Duration == Duration {
  struct Stream: Sendable {
    var name: String
    var state = DispatchProgress.State.unreachable("")
    /// What is in this node's log, all synced: what comes again is not stored again.
    var stored: WorkHistory
    /// Until its link has closed.
    var isOpen = false
    var damageCount = 0
    var cuts: [LeaseOrder] = []
    var orderBell: AsyncStream<Void>.Continuation?
  }

  var machine: LeaseMachine<Instant>
  var streams: [Stream]
  /// The time for streams to say goodbye is over.
  var isDrained = false
  /// Why a node will never do this work.
  var refusal: LeaseFault?
  var ending: DispatchResult.Ending?
  /// Since when no stream has been open.
  var aloneSince: Instant?

  var hasOpenStream: Bool { self.streams.contains { $0.isOpen } }
  var isOver: Bool { self.ending != nil || self.machine.isFinished }

  func isCutOff(_ index: Int) -> Bool {
    switch self.streams[index].state {
    case .cutOff: true
    case .connected, .unreachable: false
    }
  }

  var progress: DispatchProgress {
    DispatchProgress(
      recordedCount: self.machine.recorded.count,
      abandonedCount: self.machine.abandoned.count, itemCount: self.machine.itemCount,
      nodes: self.streams.indices.map { index in
        DispatchProgress.Node(
          name: self.streams[index].name,
          recordedCount: self.machine.recordedCount(of: index),
          rate: self.machine.rate(of: index), state: self.streams[index].state)
      })
  }

  var result: DispatchResult {
    DispatchResult(
      ending: self.machine.isFinished ? .complete : self.ending ?? .cancelled,
      missing: self.machine.missing, progress: self.progress)
  }

  mutating func ringAll() {
    for index in self.streams.indices { self.streams[index].orderBell?.yield() }
  }

  mutating func end(_ ending: DispatchResult.Ending) {
    if self.ending == nil { self.ending = ending }
    self.ringAll()
  }

  // MARK: Events

  mutating func ticked(at now: Instant, unreachableTimeout: Duration) {
    _ = self.machine.ticked(at: now)
    if self.streams.indices.allSatisfy({ self.isCutOff($0) }) {
      self.end(self.refusal.map { .refused($0) } ?? .unreachable)
    }
    if self.hasOpenStream {
      self.aloneSince = nil
    } else {
      let since = self.aloneSince ?? now
      self.aloneSince = since
      if since.duration(to: now) >= unreachableTimeout { self.end(.unreachable) }
    }
    // Pauses end, and work that was taken back is there for whoever waits.
    self.ringAll()
  }

  mutating func connected(_ index: Int, bell: AsyncStream<Void>.Continuation) {
    self.streams[index].state = .connected
    self.streams[index].isOpen = true
    self.streams[index].orderBell = bell
    self.streams[index].cuts.removeAll()
  }

  mutating func disconnected(_ index: Int, _ reason: String) {
    self.streams[index].state = .unreachable(reason)
  }

  mutating func faulted(_ index: Int, _ fault: WorkFault, countMax: Int) {
    switch fault {
    case .wrong(let reason): self.cutOff(index, reason)
    case .refused(let fault):
      self.refusal = fault
      self.cutOff(index, fault.message)
    case .damaged(let sequence):
      self.streams[index].damageCount += 1
      if self.streams[index].damageCount >= countMax {
        self.cutOff(index, "batch \(sequence) does not match its checksum, \(countMax) times")
      } else {
        self.disconnected(index, "batch \(sequence) does not match its checksum")
      }
    case .ended: self.disconnected(index, "the node ended the stream")
    case .silent: self.disconnected(index, "nothing was heard from it")
    case .store(let error):
      self.disconnected(index, "its records cannot be stored")
      self.end(.storeFailed("\(error)"))
    }
  }

  private mutating func cutOff(_ index: Int, _ reason: String) {
    self.streams[index].state = .cutOff(reason)
    self.machine.cutOff(node: index)
    self.ringAll()
  }

  /// The node says that it cannot go on.
  ///
  /// - Returns: Whether it is to be given another chance.
  mutating func nodeFaulted(_ index: Int, at now: Instant) -> Bool {
    defer { self.ringAll() }
    return self.machine.faulted(node: index, at: now)
  }

  /// Batches of a node are on disk.
  mutating func stored(_ batches: [RecordBatch], by index: Int, at now: Instant) {
    self.streams[index].damageCount = 0
    for batch in batches {
      guard self.machine.counts(batch.header, by: index) else {
        if batch.kind == .result { self.machine.dropped(batch.items, by: index, at: now) }
        continue
      }
      let new = self.streams[index].stored.add(batch.header)
      switch batch.kind {
      case .result:
        self.machine.recorded(batch.items, by: index, at: now)
        if self.machine.isFinished { self.ringAll() }
      case .failure:
        self.machine.failed(new, leaseID: batch.leaseID, by: index, at: now)
        // What failed here is another node's to try.
        self.ringAll()
      }
    }
    self.streams[index].orderBell?.yield()
  }

  // MARK: Orders

  /// The next order for a node besides acknowledgements; `nil`: none now.
  mutating func nextOrder(for index: Int, at now: Instant) -> LeaseOrder? {
    if !self.streams[index].cuts.isEmpty { return self.streams[index].cuts.removeFirst() }
    switch self.machine.leaseAsked(by: index, at: now) {
    case .lease(let lease): return .lease(lease)
    case .finished: return nil
    case .none: break
    }
    guard case .cut(let other, let leaseID, let end) = self.machine.idled(node: index, at: now)
    else { return nil }
    self.streams[other].cuts.append(.cut(leaseID: leaseID, end: end))
    self.streams[other].orderBell?.yield()
    if case .lease(let lease) = self.machine.leaseAsked(by: index, at: now) {
      return .lease(lease)
    }
    return nil
  }
}
