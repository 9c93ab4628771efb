/// Follows a node's batches from closing to acknowledgement: what waits for the disk, what is on it,
/// and how far the present stream has sent.
///
/// ```
/// closed ──▶ pending ──written and synced──▶ spooled ──sent──▶ sent ──acknowledged──▶ gone
///                                               ▲                │
///                                               └──new stream────┘
/// ```
package struct SpoolMachine: Sendable {
  package enum SendAction: Equatable, Sendable {
    case send(RecordBatch)
    /// Read the batches after this sequence number from the disk, up to and with the other.
    case read(after: UInt64, through: UInt64)
    case none
  }

  package enum AcknowledgedAction: Equatable, Sendable {
    case none
    /// The peer acknowledges what was never sent to it.
    case refuse
  }

  private let settings: SpoolSettings
  private var sequenceNext: UInt64
  /// What is to be appended and synced next; it stays here until then.
  package private(set) var pending: [RecordBatch] = []
  private var pendingSize = 0
  private var spooled: [BatchEntry]
  private var spooledSize: Int
  /// Spooled batches that are in memory as well: the newest, without gaps.
  private var recent: ArraySlice<RecordBatch> = []
  private var recentSize = 0
  private var sentThrough: UInt64 = 0
  private var spooledThrough: UInt64
  private var acknowledgedThrough: UInt64
  /// Size of what lies in the file, acknowledged or not.
  private var fileSize: Int

  /// - Parameters:
  ///   - entries: What the file holds, in the order of their numbers.
  ///   - lastSequence: The highest number it has had; 0: none.
  package init(settings: SpoolSettings, entries: [BatchEntry], lastSequence: UInt64) {
    self.settings = settings
    // Whatever stands in a file of this disk: half of all numbers are left.
    self.sequenceNext = min(lastSequence, .max / 2) + 1
    self.spooled = entries
    self.spooledSize = entries.reduce(0) { $0 + $1.size }
    self.spooledThrough = lastSequence
    self.acknowledgedThrough = entries.first.map { $0.header.sequence - 1 } ?? lastSequence
    self.sentThrough = self.acknowledgedThrough
    self.fileSize = self.spooledSize
  }

  /// Whether the worker may go on: there is room in memory, and on disk by the written maximum.
  package var hasRoom: Bool {
    self.pendingSize < self.settings.pendingSizeMax
      && self.spooledSize + self.pendingSize < self.settings.sizeMax
      && self.fileSize < 2 * self.settings.sizeMax
  }

  /// What need not be done for a lease, of what is pending or spooled: it has a result, or failed for
  /// this very lease. What failed for another is to be tried again.
  package func held(leaseID: UInt64) -> OrdinalRangeSet {
    var held = OrdinalRangeSet()
    for batch in self.spooled.map(\.header) + self.pending.map(\.header)
    where batch.kind == .result || batch.leaseID == leaseID {
      held.insert(batch.items)
    }
    return held
  }

  // MARK: To the disk

  /// The worker has closed a batch; it gets the next number, whatever number it has.
  package mutating func closed(_ batch: RecordBatch) {
    var batch = batch
    batch.header.sequence = self.sequenceNext
    self.sequenceNext += 1
    self.pendingSize += batch.lines.count
    self.pending.append(batch)
  }

  /// These batches, the first that were pending, are on disk.
  package mutating func written(_ batches: [RecordBatch]) {
    precondition(self.pending.starts(with: batches) { $0.sequence == $1.sequence }, "other batches")
    self.pending.removeFirst(batches.count)
    for batch in batches {
      let size = batch.lines.count
      self.pendingSize -= size
      self.spooled.append(BatchEntry(batch.header, size: size))
      self.spooledSize += size
      self.fileSize += size
      self.spooledThrough = batch.sequence
      self.recent.append(batch)
      self.recentSize += size
    }
    while self.recentSize > self.settings.recentSizeMax, let first = self.recent.popFirst() {
      self.recentSize -= first.lines.count
    }
  }

  /// The file was opened again after a fault: pending batches that reached it after all are on disk.
  package mutating func reopened(entries: [BatchEntry]) {
    let last = entries.last?.header.sequence ?? 0
    self.fileSize = entries.reduce(0) { $0 + $1.size }
    let count = self.pending.prefix { $0.sequence <= last }.count
    let fileSize = self.fileSize
    self.written(Array(self.pending.prefix(count)))
    self.fileSize = fileSize
  }

  /// Up to which number the file may be written anew; `nil` while that would cost more than it gains.
  package var dropThrough: UInt64? {
    guard self.fileSize >= self.settings.compactionSize else { return nil }
    // A large file sooner than a small one; but even that of a full spool, to which each
    // acknowledgement lets the worker add a little, not before half of it is of no use. As the worker
    // stops at twice the spool's maximum, that comes.
    let part = self.fileSize >= self.settings.sizeMax ? 2 : 4
    return self.spooledSize <= self.fileSize / part ? self.acknowledgedThrough : nil
  }

  /// The file was written anew without the batches up to this number.
  package mutating func dropped(through sequence: UInt64) {
    self.fileSize = self.spooled.reduce(0) {
      $0 + ($1.header.sequence > sequence ? $1.size : 0)
    }
  }

  // MARK: To the coordinator

  /// A new stream: all that was not acknowledged is delivered again.
  package mutating func streamBegan() {
    self.sentThrough = self.acknowledgedThrough
  }

  package var nextSend: SendAction {
    guard self.sentThrough < self.spooledThrough else { return .none }
    let sequence = self.sentThrough + 1
    guard let first = self.recent.first, first.sequence <= sequence else {
      let end = (self.recent.first?.sequence ?? self.spooledThrough + 1) - 1
      return .read(after: self.sentThrough, through: end)
    }
    return .send(self.recent[self.recent.startIndex + Int(sequence - first.sequence)])
  }

  /// The stream has taken the batch with this number.
  package mutating func sent(_ sequence: UInt64) {
    self.sentThrough = max(self.sentThrough, sequence)
  }

  package mutating func acknowledged(through sequence: UInt64) -> AcknowledgedAction {
    guard sequence <= self.sentThrough else { return .refuse }
    guard sequence > self.acknowledgedThrough else { return .none }
    self.acknowledgedThrough = sequence
    let count =
      self.spooled.firstIndex { $0.header.sequence > sequence } ?? self.spooled.count
    self.spooledSize -= self.spooled[..<count].reduce(0) { $0 + $1.size }
    self.spooled.removeFirst(count)
    while let first = self.recent.first, first.sequence <= sequence {
      self.recentSize -= first.lines.count
      self.recent.removeFirst()
    }
    return .none
  }
}

/// How much a node keeps of what its coordinator has not acknowledged.
package struct SpoolSettings: Equatable, Sendable {
  /// Bytes of records on disk that stop the worker until the coordinator is back: some 380,000
  /// records of the simulator, and little beside the disks of a node.
  package var sizeMax = 256 << 20
  /// Bytes that wait in memory for the disk; the worker waits beyond.
  package var pendingSizeMax = 8 << 20
  /// Bytes already on disk that are kept in memory too, so that sending need not read them again.
  package var recentSizeMax = 8 << 20
  /// A batch is closed at this size: large enough for one fsync and one message to cost little.
  package var batchSize = 256 << 10
  /// A batch is closed when its first record is so old.
  package var batchAge: Duration = .milliseconds(100)
  /// Items in a batch at most, as in `BatchFrame`.
  package var batchCountMax = 16_384
  /// The spool's file is written anew, without what was acknowledged, from this size on.
  package var compactionSize = 32 << 20

  package init() {}
}

/// The leases a node has been given and has not worked off, oldest first.
package struct LeaseQueue: Sendable {
  /// More leases than a coordinator of ours gives at a time; each beyond it is a fault of the peer.
  package static let countMax = 64

  /// Consecutive items of one lease, to be worked on next.
  package struct Slice: Equatable, Sendable {
    package var leaseID: UInt64
    package var attempt: UInt32
    package var items: Range<UInt64>
  }

  /// With what is left of them; none is empty.
  private var leases: [Lease] = []

  package init() {}

  package var isEmpty: Bool { self.leases.isEmpty }

  /// The lease and the next item that will be worked on.
  package var next: (leaseID: UInt64, item: UInt64)? {
    self.leases.first.map { ($0.id, $0.items.span.lowerBound) }
  }

  /// - Parameter held: Items this node has done and still holds: they are not done again.
  /// - Returns: Whether there was room.
  package mutating func leased(_ lease: Lease, holding held: OrdinalRangeSet) -> Bool {
    guard self.leases.count < Self.countMax else { return false }
    var lease = lease
    lease.items = lease.items.subtracting(held)
    if !lease.items.isEmpty { self.leases.append(lease) }
    return true
  }

  /// An item that was in work for an earlier lease has failed there: it is to be done for this one.
  package mutating func add(_ ordinal: UInt64, of lease: Lease) {
    let place = self.leases.firstIndex { $0.id == lease.id } ?? self.leases.count
    let items = ordinal..<ordinal + 1
    self.insert(Slice(leaseID: lease.id, attempt: lease.attempt, items: items), at: place)
  }

  /// Into the lease at `place`, or before it where that is another.
  private mutating func insert(_ slice: Slice, at place: Int) {
    if place < self.leases.count, self.leases[place].id == slice.leaseID {
      self.leases[place].items.insert(slice.items)
    } else {
      let lease = Lease(id: slice.leaseID, items: [slice.items], attempt: slice.attempt)
      self.leases.insert(lease, at: place)
    }
  }

  /// A lease ends before `end`. One that is not here has been worked off: the cut came too late.
  package mutating func cut(leaseID: UInt64, end: UInt64) {
    for index in self.leases.indices where self.leases[index].id == leaseID {
      self.leases[index].items.remove(end..<max(end, self.leases[index].items.span.upperBound))
    }
    self.leases.removeAll { $0.items.isEmpty }
  }

  /// Takes the next items, at most `countMax` (at least 1) of them.
  package mutating func take(countMax: Int) -> Slice? {
    guard let lease = self.leases.first else { return nil }
    let items = self.leases[0].items.takeFirst(UInt64(countMax), rangeCountMax: 1)
    if self.leases[0].items.isEmpty { self.leases.removeFirst() }
    return Slice(leaseID: lease.id, attempt: lease.attempt, items: items.span)
  }

  /// Items that were taken and not begun are the next ones again.
  package mutating func putBack(_ slice: Slice) {
    self.insert(slice, at: 0)
  }

  /// What turns out to be held already is not done again.
  ///
  /// - Parameter held: What is held for a lease, by its id.
  package mutating func remove(_ held: (UInt64) -> OrdinalRangeSet) {
    for index in self.leases.indices {
      self.leases[index].items.remove(held(self.leases[index].id))
    }
    self.leases.removeAll { $0.items.isEmpty }
  }

  package mutating func removeAll() { self.leases.removeAll() }
}
