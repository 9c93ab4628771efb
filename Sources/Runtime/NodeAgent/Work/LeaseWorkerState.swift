import GRPCCore
import Rollouts

/// What the tasks of a ``LeaseWorker`` share: decisions only, and the bells that wake the others.
struct LeaseWorkerState<Spool: SpoolLog, Instant: InstantProtocol & Sendable>: Sendable
where Instant.Duration == Duration {
  typealias Bell = AsyncStream<Void>.Continuation

  enum Phase: Sendable {
    /// The spool of the work is to be opened, once a coordinator has said what to do.
    case opening
    case open(Spool)
    /// The disk refuses; what is pending stays in memory, and opening is tried again.
    case failed(String)
  }

  let settings: SpoolSettings
  var setup: LeaseSetup?
  /// Counts works: what a task began for an older one is dropped.
  var workNumber = 0
  /// Counts streams: the newest is the one that counts.
  var streamNumber = 0
  /// The stream whose setup came last.
  var setupStream = 0
  var phase = Phase.opening
  var queue = LeaseQueue()
  var spool = SpoolMachine(settings: SpoolSettings(), entries: [], lastSequence: 0)
  /// The items that are being worked on, by lease.
  private var inWork: [UInt64: OrdinalRangeSet] = [:]
  /// Items in work that were leased again meanwhile: where they fail now, they are to be done again.
  private var leasedAgain: [Lease] = []
  /// Done, and not in the spool's hands yet.
  private(set) var batches: [OpenBatch<Instant>] = []
  /// Of the present work; `nil` before it was made.
  private(set) var runner: Result<any ItemRunner, LeaseFault>?
  var laneCount = 0
  /// Items in the next slice: many where they take microseconds, one where they wait.
  var sliceCount = 1
  var fault: LeaseFault?
  /// A sign of life is to be sent.
  var isBeatDue = false

  var computeBell: Bell?
  var spoolBell: Bell?
  var sendBell: Bell?
  var ageBell: Bell?

  init(_ settings: SpoolSettings) {
    self.settings = settings
  }

  var isOpen: Bool {
    switch self.phase {
    case .open: true
    case .opening, .failed: false
    }
  }

  /// Nothing is to be done, and all that was done is on the disk.
  var isIdle: Bool {
    self.queue.isEmpty && self.inWork.isEmpty && self.batches.isEmpty && self.spool.pending.isEmpty
  }

  /// Items that may be under way at once; 0: not known yet.
  var concurrency: Int {
    guard case .success(let runner) = self.runner else { return 0 }
    return min(max(1, runner.concurrencyMax), 4096)
  }

  /// What must not be done for a lease: held on disk, about to be, or in work.
  private func held(leaseID: UInt64) -> OrdinalRangeSet {
    var held = self.spool.held(leaseID: leaseID)
    for items in self.inWork.values { held.insert(items) }
    for batch in self.batches
    where batch.header.kind == .result || batch.header.leaseID == leaseID {
      held.insert(batch.header.items)
    }
    return held
  }

  enum SpoolStep: Sendable {
    case open(workID: String)
    case write([RecordBatch], Spool)
    case drop(through: UInt64, Spool)
    case nothing
  }

  var nextSpoolStep: SpoolStep {
    switch self.phase {
    case .opening, .failed:
      guard let setup = self.setup else { return .nothing }
      return .open(workID: setup.workID)
    case .open(let log):
      if let sequence = self.spool.dropThrough { return .drop(through: sequence, log) }
      return self.spool.pending.isEmpty ? .nothing : .write(self.spool.pending, log)
    }
  }

  // MARK: Orders

  /// - Throws: `RPCError.protocolFault`.
  mutating func take(_ order: LeaseOrder, of stream: Int) throws(RPCError) {
    if case .setup(let setup) = order {
      guard self.setupStream != stream else { throw .protocolFault("a second setup") }
      self.setupStream = stream
      self.begin(setup)
      return
    }
    guard self.setupStream == stream else { throw .protocolFault("no setup before \(order)") }
    switch order {
    case .setup: break
    case .lease(let lease):
      guard !lease.items.isEmpty, lease.items.span.upperBound <= WorkPlan.maximumItemCount else {
        throw .protocolFault("a lease of the items \(lease.items.span)")
      }
      guard self.queue.leased(lease, holding: self.held(leaseID: lease.id)) else {
        throw .protocolFault("more than \(LeaseQueue.countMax) leases")
      }
      self.noteLeasedAgain(lease)
      if case .failed(let reason) = self.phase { self.raise(LeaseFault(.disk, reason)) }
      self.computeBell?.yield()
    case .cut(let leaseID, let end):
      self.queue.cut(leaseID: leaseID, end: end)
      for index in self.leasedAgain.indices where self.leasedAgain[index].id == leaseID {
        self.leasedAgain[index].items.remove(end..<max(end, WorkPlan.maximumItemCount))
      }
    case .acknowledgement(let sequence):
      // While the spool is being opened nothing has been sent that could be acknowledged.
      guard self.spool.acknowledged(through: sequence) == .none else {
        throw .protocolFault("an acknowledgement of \(sequence), which was not sent")
      }
      self.computeBell?.yield()
      self.spoolBell?.yield()
    }
  }

  private mutating func begin(_ setup: LeaseSetup) {
    // The coordinator repeats those that still stand.
    self.queue.removeAll()
    self.leasedAgain.removeAll()
    self.fault = nil
    // It says how many items can be under way, before the first leases are worked off.
    self.isBeatDue = true
    if self.setup?.workID == setup.workID {
      self.setup = setup
      self.spool.streamBegan()
    } else {
      self.setup = setup
      self.workNumber += 1
      self.phase = .opening
      self.inWork.removeAll()
      self.batches.removeAll()
      self.runner = nil
      self.laneCount = 0
      self.sliceCount = 1
      self.spool = SpoolMachine(settings: self.settings, entries: [], lastSequence: 0)
    }
    self.ring()
  }

  /// The spool of the present work is there, for the first time or again after a fault.
  mutating func spoolOpened(_ log: Spool, entries: [BatchEntry], lastSequence: UInt64) {
    switch self.phase {
    case .opening:
      self.spool = SpoolMachine(
        settings: self.settings, entries: entries, lastSequence: lastSequence)
      // Leases come before it is known what an earlier agent left.
      let spool = self.spool
      self.queue.remove { spool.held(leaseID: $0) }
    case .failed:
      self.spool.reopened(entries: entries)
    case .open:
      preconditionFailure("a spool was opened in \(self.phase)")
    }
    // A fault that was not told yet still is: the leases it voids are for the coordinator to give again.
    self.phase = .open(log)
    self.ring()
  }

  /// One lease makes one try at an item: where that of an earlier one fails, this one has its own.
  private mutating func noteLeasedAgain(_ lease: Lease) {
    for (id, items) in self.inWork where id != lease.id {
      let again = lease.items.intersection(items)
      guard !again.isEmpty else { continue }
      self.leasedAgain.append(Lease(id: lease.id, items: again, attempt: lease.attempt))
    }
  }

  // MARK: Working

  mutating func runnerMade(_ runner: Result<any ItemRunner, LeaseFault>) {
    self.runner = runner
    self.beat()
  }

  /// A sign of life is due.
  mutating func beat() {
    self.isBeatDue = true
    self.sendBell?.yield()
  }

  /// The next items to be worked on; `nil`: none, or no room for them.
  mutating func takeSlice() -> LeaseQueue.Slice? {
    guard self.isOpen, self.spool.hasRoom else { return nil }
    // Where several are under way, a short one must not wait behind a long one.
    let slice = self.queue.take(countMax: self.concurrency == 1 ? self.sliceCount : 1)
    if let slice {
      self.inWork[slice.leaseID, default: []].insert(slice.items)
      // So that nobody is given what is under way here.
      if self.queue.isEmpty { self.beat() }
    }
    return slice
  }

  /// What was taken and not begun: what came before it fills a batch.
  mutating func putBack(_ slice: LeaseQueue.Slice) {
    self.leaveWork(slice)
    self.queue.putBack(slice)
  }

  private mutating func leaveWork(_ slice: LeaseQueue.Slice) {
    self.inWork[slice.leaseID]?.remove(slice.items)
    if self.inWork[slice.leaseID]?.isEmpty ?? false { self.inWork[slice.leaseID] = nil }
  }

  /// The items of a slice are done.
  mutating func done(_ slice: LeaseQueue.Slice, _ output: SliceOutput, at now: Instant) {
    self.leaveWork(slice)
    var results = OrdinalRangeSet([slice.items])
    for (ordinal, line) in output.failures {
      results.remove(ordinal..<ordinal + 1)
      self.append([ordinal..<ordinal + 1], line, .failure, of: slice, at: now)
    }
    if !results.isEmpty { self.append(results, output.lines, .result, of: slice, at: now) }
    for index in self.leasedAgain.indices {
      let lease = self.leasedAgain[index]
      let failed = lease.items.intersection([slice.items]).subtracting(results)
      for ordinal in failed.ordinals { self.queue.add(ordinal, of: lease) }
      if !failed.isEmpty { self.computeBell?.yield() }
      self.leasedAgain[index].items.remove(slice.items)
    }
    self.leasedAgain.removeAll { $0.items.isEmpty }
  }

  private mutating func append(
    _ items: OrdinalRangeSet, _ lines: [UInt8], _ kind: RecordLine.Kind,
    of slice: LeaseQueue.Slice, at now: Instant
  ) {
    let place =
      self.batches.firstIndex { $0.header.leaseID == slice.leaseID && $0.header.kind == kind }
      ?? self.batches.count
    if place == self.batches.count {
      self.batches.append(OpenBatch(slice, kind, size: self.settings.batchSize, at: now))
      self.ageBell?.yield()
    }
    self.batches[place].append(items, lines)
    let batch = self.batches[place]
    if batch.lines.count >= self.settings.batchSize
      || batch.header.items.count >= UInt64(self.settings.batchCountMax)
      || batch.header.items.ranges.count >= BatchFrame.maximumRangeCount / 2
      || batch.since.duration(to: now) >= self.settings.batchAge
    {
      self.close(self.batches.remove(at: place))
    }
  }

  /// A lane has nothing more to do; after the last one what there is goes out.
  mutating func laneClosed() {
    self.laneCount -= 1
    if self.laneCount == 0 { self.closeBatches { _ in true } }
  }

  /// Hands batches to the spool.
  ///
  /// - Parameter isDue: Whether one is, by when it was begun.
  mutating func closeBatches(where isDue: (Instant) -> Bool) {
    for batch in self.batches where isDue(batch.since) { self.close(batch) }
    self.batches.removeAll { isDue($0.since) }
  }

  private mutating func close(_ batch: OpenBatch<Instant>) {
    self.spool.closed(batch.batch)
    self.spoolBell?.yield()
  }

  /// Tells the coordinator that its leases here are void.
  mutating func raise(_ fault: LeaseFault) {
    self.queue.removeAll()
    self.leasedAgain.removeAll()
    self.fault = fault
    self.sendBell?.yield()
  }

  mutating func ring() {
    self.computeBell?.yield()
    self.spoolBell?.yield()
    self.sendBell?.yield()
  }
}

/// What a lane has made of its slice.
struct SliceOutput {
  /// The records, in the order of ordinals, without those of items that failed.
  var lines: [UInt8] = []
  var failures: [(ordinal: UInt64, line: [UInt8])] = []

  mutating func removeAll() {
    self.lines.removeAll(keepingCapacity: true)
    self.failures.removeAll()
  }
}

/// Records of one lease and kind that are not yet closed as a batch.
struct OpenBatch<Instant: InstantProtocol & Sendable>: Sendable {
  /// Without a sequence number.
  private(set) var header: BatchHeader
  /// When its first record came.
  let since: Instant
  private(set) var lines: [UInt8] = []
  /// Where the lines of items lie, in the order in which they came.
  private var pieces: [(first: UInt64, lines: Range<Int>)] = []

  init(_ slice: LeaseQueue.Slice, _ kind: RecordLine.Kind, size: Int, at now: Instant) {
    self.header = BatchHeader(
      sequence: 0, leaseID: slice.leaseID, attempt: slice.attempt, kind: kind, items: [])
    self.since = now
    // The last record goes beyond the size at which a batch is closed.
    if kind == .result { self.lines.reserveCapacity(size + size / 8) }
  }

  /// - Parameter lines: Of all the items, in their order; none of them lies between two others of
  ///   this batch.
  mutating func append(_ items: OrdinalRangeSet, _ lines: [UInt8]) {
    self.header.items.insert(items)
    self.pieces.append((items.span.lowerBound, self.lines.count..<self.lines.count + lines.count))
    self.lines += lines
  }

  /// With its lines in the order of ordinals.
  var batch: RecordBatch {
    let isOrdered = zip(self.pieces, self.pieces.dropFirst()).allSatisfy { $0.first < $1.first }
    if isOrdered { return RecordBatch(self.header, lines: self.lines) }
    var lines: [UInt8] = []
    lines.reserveCapacity(self.lines.count)
    for piece in self.pieces.sorted(by: { $0.first < $1.first }) {
      lines += self.lines[piece.lines]
    }
    return RecordBatch(self.header, lines: lines)
  }
}
