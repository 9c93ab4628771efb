/// What logs hold of a work, put together from the headers of their batches.
package struct WorkHistory: Equatable, Sendable {
  /// The items that have a result.
  package private(set) var recorded = OrdinalRangeSet()
  /// The items that failed, by attempt: an item is leased once with each, so that what comes twice,
  /// under whatever lease, counts once.
  private var failed: [UInt32: OrdinalRangeSet] = [:]
  /// The highest attempt of any batch or lease; 0: none.
  package private(set) var attemptLast: UInt32 = 0
  /// The highest id of a lease of any batch; 0: none.
  package private(set) var leaseIDLast: UInt64 = 0

  package init() {}

  package init(_ batches: some Sequence<BatchHeader>) {
    for batch in batches { self.add(batch) }
  }

  /// - Returns: The items of the batch that are new.
  @discardableResult
  package mutating func add(_ batch: BatchHeader) -> OrdinalRangeSet {
    self.attemptLast = max(self.attemptLast, batch.attempt)
    self.leaseIDLast = max(self.leaseIDLast, batch.leaseID)
    let new = self.new(in: batch)
    switch batch.kind {
    case .result: self.recorded.insert(new)
    case .failure: self.failed[batch.attempt, default: []].insert(new)
    }
    return new
  }

  /// The items of the batch that are not known yet; none: it comes again.
  package func new(in batch: BatchHeader) -> OrdinalRangeSet {
    switch batch.kind {
    case .result: batch.items.subtracting(self.recorded)
    case .failure: batch.items.subtracting(self.failed[batch.attempt] ?? [])
    }
  }

  package mutating func add(_ other: Self) {
    self.recorded.insert(other.recorded)
    self.failed.merge(other.failed) { old, new in OrdinalRangeSet(old.ranges + new.ranges) }
    self.attemptLast = max(self.attemptLast, other.attemptLast)
    self.leaseIDLast = max(self.leaseIDLast, other.leaseIDLast)
  }

  /// Leases were given, whatever came of them.
  package mutating func add(_ leased: LeasedItems) {
    self.attemptLast = max(self.attemptLast, leased.attemptLast)
    self.leaseIDLast = max(self.leaseIDLast, leased.leaseIDLast)
  }

  /// How often each item failed.
  package var failureCounts: [UInt64: UInt32] {
    var counts: [UInt64: UInt32] = [:]
    for items in self.failed.values {
      for ordinal in items.ordinals { counts[ordinal, default: 0] += 1 }
    }
    return counts
  }
}
