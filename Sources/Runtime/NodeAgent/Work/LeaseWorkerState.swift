import Rollouts

/// What the tasks of a ``LeaseWorker`` share: decisions only, and the bells that wake the others.
struct LeaseWorkerState<Spool: SpoolLog>: Sendable {
  typealias Bell = AsyncStream<Void>.Continuation

  enum Phase: Sendable {
    /// No coordinator has said yet what to do.
    case idle
    /// The spool of this work is to be opened.
    case opening
    case open(Spool)
    /// The disk refuses; what is pending stays in memory, and opening is tried again.
    case failed(String)
  }

  var setup: LeaseSetup?
  /// Counts works: what a task began for an older one is dropped.
  var workNumber = 0
  /// Counts streams: the newest is the one that counts.
  var streamNumber = 0
  /// The stream whose setup came last.
  var setupStream = 0
  var phase = Phase.idle
  var queue = LeaseQueue()
  var spool = SpoolMachine(settings: SpoolSettings(), entries: [], lastSequence: 0)
  /// The items that are being worked on, or done and not in the spool's hands yet.
  var inWork: [Range<UInt64>] = []
  var fault: String?
  /// A sign of life is to be sent.
  var isBeatDue = false

  var computeBell: Bell?
  var spoolBell: Bell?
  var sendBell: Bell?

  var isOpen: Bool {
    switch self.phase {
    case .open: true
    case .idle, .opening, .failed: false
    }
  }

  /// What must not be done again although it is leased: held on disk, or in work.
  var held: OrdinalRangeSet {
    var held = self.spool.held
    for items in self.inWork { held.insert(items) }
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
    case .idle: return .nothing
    case .opening, .failed:
      guard let setup = self.setup else { return .nothing }
      return .open(workID: setup.workID)
    case .open(let log):
      if let sequence = self.spool.dropThrough { return .drop(through: sequence, log) }
      guard self.spool.hasPending else { return .nothing }
      return .write(self.spool.nextWrite, log)
    }
  }

  // MARK: Orders

  /// - Throws: `LeaseWorkerError.protocolFault`.
  mutating func take(_ order: LeaseOrder, of stream: Int) throws(LeaseWorkerError) {
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
      guard !lease.items.isEmpty, lease.items.upperBound <= WorkPlan.maximumItemCount else {
        throw .protocolFault("a lease of the items \(lease.items)")
      }
      guard self.queue.leased(lease, holding: self.held) else {
        throw .protocolFault("more than \(LeaseQueue.countMax) leases")
      }
      if case .failed(let reason) = self.phase { self.raise("the node's spool: \(reason)") }
      self.computeBell?.yield()
    case .cut(let leaseID, let end):
      self.queue.cut(leaseID: leaseID, end: end)
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
    self.fault = nil
    if self.setup?.workID == setup.workID {
      self.setup = setup
      self.spool.streamBegan()
    } else {
      self.setup = setup
      self.workNumber += 1
      self.phase = .opening
      self.inWork.removeAll()
      self.spool = SpoolMachine(settings: SpoolSettings(), entries: [], lastSequence: 0)
    }
    self.ring()
  }

  /// The spool of the present work is there, for the first time or again after a fault.
  mutating func spoolOpened(
    _ log: Spool, entries: [SpoolMachine.Entry], highest: UInt64, settings: SpoolSettings
  ) {
    switch self.phase {
    case .opening:
      self.spool = SpoolMachine(settings: settings, entries: entries, lastSequence: highest)
    case .failed:
      self.spool.reopened(entries: entries)
    case .idle, .open:
      preconditionFailure("a spool was opened in \(self.phase)")
    }
    self.phase = .open(log)
    self.fault = nil
    self.ring()
  }

  /// These items are in the spool's hands.
  mutating func doneWork(_ items: Range<UInt64>) {
    var left = OrdinalRangeSet(self.inWork)
    left.remove(items)
    self.inWork = left.ranges
  }

  /// Tells the coordinator that its leases here are void.
  mutating func raise(_ fault: String) {
    self.queue.removeAll()
    self.fault = fault
    self.sendBell?.yield()
  }

  mutating func ring() {
    self.computeBell?.yield()
    self.spoolBell?.yield()
    self.sendBell?.yield()
  }
}
