/// Records of consecutive items, as a node made them: the unit that is stored, sent and acknowledged.
package struct RecordBatch: Equatable, Sendable {
  /// Counts from 1 per work and node, without gaps.
  package var sequence: UInt64
  package var leaseID: UInt64
  /// Counts from 1; higher for items that were leased before.
  package var attempt: UInt32
  /// The items, at least one: their ordinals in the order of the work plan.
  package var items: Range<UInt64>
  /// One line of JSON for each item, in order, each ended by a line feed.
  package var lines: [UInt8]

  package init(
    sequence: UInt64, leaseID: UInt64, attempt: UInt32, items: Range<UInt64>, lines: [UInt8]
  ) {
    self.sequence = sequence
    self.leaseID = leaseID
    self.attempt = attempt
    self.items = items
    self.lines = lines
  }
}
