import RecordFiles
import Rollouts

/// What the tasks of a ``WorkDispatcher`` share: the lease machine, and what is known of each stream.
struct WorkDispatcherState<Instant: InstantProtocol & Sendable>: Sendable
where Instant.Duration == Duration {
  struct Stream: Sendable {
    var name: String
    var state = DispatchProgress.State.unreachable("")
    /// What is in this node's log, all synced: what comes again is not stored again.
    var stored: WorkHistory
    var openedCount = 0
    var damageCount = 0
    var cuts: [LeaseOrder] = []
    var orderBell: AsyncStream<Void>.Continuation?
  }

  var machine: LeaseMachine<Instant>
  var streams: [Stream]
  var openStreamCount = 0
  /// Why a node will never do this work.
  private var refusal: LeaseFault?
  var ending: DispatchResult.Ending?
  /// Since when no stream has been open.
  var aloneSince: Instant?

  init(
    machine: LeaseMachine<Instant>, nodes: [(name: String, history: WorkHistory)],
    at now: Instant
  ) {
    self.machine = machine
    self.streams = nodes.map { Stream(name: $0.name, stored: $0.history) }
    self.aloneSince = now
  }

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
    let ending = self.machine.isFinished ? .complete : self.ending ?? .cancelled
    return DispatchResult(
      ending: ending, missing: self.machine.missing, progress: self.progress)
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
    if !self.machine.ticked(at: now).isEmpty { self.ringAll() }
    if self.streams.indices.allSatisfy({ self.isCutOff($0) }) {
      self.end(self.refusal.map { .refused($0) } ?? .unreachable)
    }
    if self.openStreamCount > 0 {
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
    self.streams[index].openedCount += 1
    self.streams[index].orderBell = bell
    self.streams[index].cuts.removeAll()
    self.openStreamCount += 1
  }

  /// The stream's tasks have ended.
  mutating func closed(_ index: Int) {
    self.streams[index].orderBell = nil
  }

  /// The link of an opened stream has closed.
  mutating func left(_ index: Int) {
    self.openStreamCount = max(0, self.openStreamCount - 1)
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
    return self.machine.faulted(node: index, at: now) == .paused
  }

  /// Batches of a node are on disk.
  mutating func stored(_ batches: [RecordBatch], by index: Int, at now: Instant) {
    self.streams[index].damageCount = 0
    for batch in batches {
      let new = self.streams[index].stored.add(batch.header)
      switch batch.kind {
      case .result:
        if self.machine.recorded(batch.items, by: index, at: now) == .finished { self.ringAll() }
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
