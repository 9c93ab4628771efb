import Fleet

/// What is known of a batch without its lines: which items, who did them and as which try.
package struct BatchHeader: Equatable, Sendable {
  /// Counts from 1 per work and node, without gaps.
  package var sequence: UInt64
  package var leaseID: UInt64
  /// Counts from 1; higher for items that were leased before.
  package var attempt: UInt32
  /// What all its lines are.
  package var kind: RecordLine.Kind
  /// The items, at least one: their ordinals in the work plan.
  package var items: OrdinalRangeSet

  package init(
    sequence: UInt64, leaseID: UInt64, attempt: UInt32, kind: RecordLine.Kind = .result,
    items: OrdinalRangeSet
  ) {
    self.sequence = sequence
    self.leaseID = leaseID
    self.attempt = attempt
    self.kind = kind
    self.items = items
  }
}

/// Records of some items of one lease, as a node made them: the unit that is stored, sent and
/// acknowledged.
@dynamicMemberLookup
package struct RecordBatch: Equatable, Sendable {
  package var header: BatchHeader
  /// One line of JSON for each item, in the order of ordinals, each ended by a line feed.
  package var lines: [UInt8]
  /// CRC-32C of the lines, as whoever made the batch had it: computed once, and checked where the
  /// batch has come over a wire.
  package var checksum: UInt32

  /// - Parameter checksum: `nil`: that of these lines.
  package init(_ header: BatchHeader, lines: [UInt8], checksum: UInt32? = nil) {
    self.header = header
    self.lines = lines
    self.checksum = checksum ?? CRC32C.checksum(of: lines)
  }

  package subscript<Value>(dynamicMember field: WritableKeyPath<BatchHeader, Value>) -> Value {
    get { self.header[keyPath: field] }
    set { self.header[keyPath: field] = newValue }
  }
}

/// What logs hold of a work, put together from the headers of their batches.
package struct WorkHistory: Equatable, Sendable {
  /// The items that have a result.
  package private(set) var recorded = OrdinalRangeSet()
  /// The items that failed, by lease: one lease makes one try at an item, so that what is delivered
  /// twice counts once.
  package private(set) var failed: [UInt64: OrdinalRangeSet] = [:]
  /// The highest attempt of any batch; 0: none.
  package private(set) var attemptLast: UInt32 = 0

  package init() {}

  package init(_ batches: some Sequence<BatchHeader>) {
    for batch in batches { self.add(batch) }
  }

  /// - Returns: The items of the batch that are new.
  @discardableResult
  package mutating func add(_ batch: BatchHeader) -> OrdinalRangeSet {
    self.attemptLast = max(self.attemptLast, batch.attempt)
    let new = self.new(in: batch)
    switch batch.kind {
    case .result: self.recorded.insert(new)
    case .failure: self.failed[batch.leaseID, default: []].insert(new)
    }
    return new
  }

  /// The items of the batch that are not known yet; none: it comes again.
  package func new(in batch: BatchHeader) -> OrdinalRangeSet {
    switch batch.kind {
    case .result: batch.items.subtracting(self.recorded)
    case .failure: batch.items.subtracting(self.failed[batch.leaseID] ?? [])
    }
  }

  package mutating func add(_ other: Self) {
    self.recorded.insert(other.recorded)
    self.failed.merge(other.failed) { old, new in OrdinalRangeSet(old.ranges + new.ranges) }
    self.attemptLast = max(self.attemptLast, other.attemptLast)
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
