/// The first order on every stream: what the items are.
package struct LeaseSetup: Equatable, Sendable {
  /// The same on a later stream means that the work goes on.
  package var workID: String
  package var policy: String
  package var seed: UInt64
  package var difficulty: String
  /// At least 1; item `i` is the rollout `i % rolloutsPerExample` of `i / rolloutsPerExample`.
  package var rolloutsPerExample: UInt32
  package var maxActionsPerStep: UInt32
  /// Each episode waits so long, to stand for one that asks a model; at least zero.
  package var episodeCost: Duration

  package init(
    workID: String, policy: String, seed: UInt64, difficulty: String, rolloutsPerExample: UInt32,
    maxActionsPerStep: UInt32, episodeCost: Duration
  ) {
    self.workID = workID
    self.policy = policy
    self.seed = seed
    self.difficulty = difficulty
    self.rolloutsPerExample = rolloutsPerExample
    self.maxActionsPerStep = maxActionsPerStep
    self.episodeCost = episodeCost
  }
}

/// Items that are a node's for a while.
package struct Lease: Equatable, Sendable {
  /// Never used for another lease of the same work, by any coordinator.
  package var id: UInt64
  /// At least one item.
  package var items: Range<UInt64>
  /// Counts from 1; higher for items that were leased before.
  package var attempt: UInt32

  package init(id: UInt64, items: Range<UInt64>, attempt: UInt32) {
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
  /// A batch that is on the node's disk, with the CRC-32C of its lines.
  case batch(RecordBatch, checksum: UInt32)
  /// The worker lives, and this is the next item it will work on.
  case progress(leaseID: UInt64, next: UInt64)
  /// The worker cannot go on; it keeps what it has.
  case fault(String)
}
