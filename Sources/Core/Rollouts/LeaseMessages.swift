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
