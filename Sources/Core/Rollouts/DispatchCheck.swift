import Fleet

/// Checks what a node sends before it is stored: a node is semi-trusted.
package struct DispatchCheck: Sendable {
  package enum Verdict: Equatable, Sendable {
    case fine
    /// Damaged on its way or on the node's disk: another delivery may be right.
    case damaged
    /// The node does what no node of ours does.
    case wrong(String)
  }

  private let itemCount: UInt64
  /// The highest sequence number of this stream; 0: none yet.
  private var sequence: UInt64 = 0

  /// One for each stream.
  package init(itemCount: UInt64) {
    self.itemCount = itemCount
  }

  /// - Parameter lease: The lease the batch names, where it stands and is this node's.
  package mutating func check(_ batch: RecordBatch, checksum: UInt32, lease: Lease?) -> Verdict {
    guard batch.items.upperBound <= self.itemCount else {
      return .wrong("items \(batch.items), the work has \(self.itemCount)")
    }
    guard CRC32C.checksum(of: batch.lines) == checksum else { return .damaged }
    if let fault = BatchFrame.fault(of: batch) { return .wrong(fault) }
    // Lower ones are redeliveries; a gap would be a batch that nobody acknowledges.
    // A sequence number is at least 1 here, and may be the highest there is.
    guard self.sequence == 0 || batch.sequence - 1 <= self.sequence else {
      return .wrong("batch \(batch.sequence) after batch \(self.sequence)")
    }
    if let lease, batch.items.lowerBound < lease.items.lowerBound {
      return .wrong("items \(batch.items) of a lease of \(lease.items)")
    }
    self.sequence = max(self.sequence, batch.sequence)
    return .fine
  }
}
