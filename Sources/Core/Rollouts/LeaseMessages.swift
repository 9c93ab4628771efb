/// The first order on every stream: what the items are.
package struct LeaseSetup: Equatable, Sendable {
  /// The same on a later stream means that the work goes on.
  package var workID: String
  /// As in the ``WorkPlan``, and not yet checked on the node.
  package var kind: String
  package var specification: [UInt8]
  /// At least 1; item `i` is the rollout `i % rolloutsPerTask` of the task `i / rolloutsPerTask`.
  package var rolloutsPerTask: UInt64

  package init(
    workID: String, kind: String, specification: [UInt8], rolloutsPerTask: UInt64
  ) {
    self.workID = workID
    self.kind = kind
    self.specification = specification
    self.rolloutsPerTask = rolloutsPerTask
  }

  /// What nodes must know of a plan.
  package init(_ plan: WorkPlan) {
    self.init(
      workID: plan.workID, kind: plan.kind, specification: plan.specification,
      rolloutsPerTask: plan.rolloutsPerTask)
  }
}

/// Items that are a node's for a while.
package struct Lease: Equatable, Sendable {
  /// More gaps than this have their own lease: its order is one small frame.
  package static let maximumRangeCount = 1024

  /// Never used for another lease of the same work, by any coordinator.
  package var id: UInt64
  /// At least one item; those that are still to be done.
  package var items: OrdinalRangeSet
  /// Counts from 1; higher for items that were leased before.
  package var attempt: UInt32

  package init(id: UInt64, items: OrdinalRangeSet, attempt: UInt32) {
    self.id = id
    self.items = items
    self.attempt = attempt
  }
}

/// What a coordinator tells a node on the stream of its work (node.proto, `WorkOrder`).
package enum LeaseOrder: Equatable, Sendable {
  /// First on every stream; leases of earlier streams that are still to be done come again after it.
  case setup(LeaseSetup)
  case lease(Lease)
  /// The lease ends before the item `end`; what has been done beyond is delivered all the same.
  case cut(leaseID: UInt64, end: UInt64)
  /// Every batch up to this sequence number is on the coordinator's disk.
  case acknowledgement(UInt64)
}

/// What a node tells its coordinator on the stream of its work (node.proto, `WorkReport`).
package enum LeaseReport: Equatable, Sendable {
  /// A batch that is on the node's disk.
  case batch(RecordBatch)
  /// The worker lives, and this is where it is.
  case progress(LeaseProgress)
  /// The worker cannot go on; it keeps what it has.
  case fault(LeaseFault)
}

/// Where a node's worker is.
package struct LeaseProgress: Equatable, Sendable {
  /// The lease of the next item that it will begin; 0: none waits.
  package var leaseID: UInt64 = 0
  /// That item: the lease's items before it are begun or done.
  package var next: UInt64 = 0
  /// How many items it can have under way at once; 0: it does not know yet.
  package var concurrency: UInt32 = 0

  package init(leaseID: UInt64 = 0, next: UInt64 = 0, concurrency: UInt32 = 0) {
    self.leaseID = leaseID
    self.next = next
    self.concurrency = concurrency
  }
}

/// Why a node's worker cannot go on.
package struct LeaseFault: Error, Equatable, Sendable {
  package enum Kind: Equatable, Sendable, CaseIterable {
    /// The agent has no runner for this kind of work: it never will.
    case unknownKind
    /// The kind's runner cannot read the specification: it never will.
    case unreadableSpecification
    /// The node's disk refuses; that may pass.
    case disk

    /// Whether another try on this node is of no use.
    package var isLasting: Bool {
      switch self {
      case .unknownKind, .unreadableSpecification: true
      case .disk: false
      }
    }
  }

  package var kind: Kind
  /// For people.
  package var message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
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
    if let index = self.leases.firstIndex(where: { $0.id == lease.id }) {
      self.leases[index].items.insert(ordinal..<ordinal + 1)
    } else {
      self.leases.append(
        Lease(id: lease.id, items: [ordinal..<ordinal + 1], attempt: lease.attempt))
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
    if self.leases.first?.id == slice.leaseID {
      self.leases[0].items.insert(slice.items)
    } else {
      let lease = Lease(id: slice.leaseID, items: [slice.items], attempt: slice.attempt)
      self.leases.insert(lease, at: 0)
    }
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

/// How leases are sized and when they end.
package struct LeaseSettings: Equatable, Sendable {
  /// A node that is silent for so long loses its leases; reports come every second.
  package var timeout: Duration = .seconds(15)
  /// Work in one lease: short enough for a short tail, long against a round trip and an fsync.
  package var duration: Duration = .milliseconds(750)
  /// Items of a node's first lease, before its rate is known.
  package var firstCount: UInt64 = 16
  /// Items in one lease at most: the caps of a batch hold it with room.
  package var countMax: UInt64 = 65_536
  /// Leases a node holds at most: the one it works on, and some so that it never waits for one. More
  /// where it can have more items under way at once than these have.
  package var outstandingMax = 3
  /// Leases a node holds in any case at most: below `LeaseQueue.countMax`.
  package var heldMax = 32
  /// Items that a node has under way at once, whatever it says.
  package var concurrencyMax: UInt64 = 4096
  /// After a fault a node gets no lease for so long.
  package var faultPause: Duration = .seconds(5)
  /// Faults in a row, with no record between, after which a node gets nothing any more.
  package var faultCountMax = 10

  package init() {}
}
