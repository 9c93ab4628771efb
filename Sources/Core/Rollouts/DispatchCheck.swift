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

  private let plan: WorkPlan
  /// The highest sequence number of this stream; 0: none yet.
  private var sequence: UInt64 = 0

  /// One for each stream.
  package init(_ plan: WorkPlan) {
    self.plan = plan
  }

  /// - Parameter deliverable: What the batch's lease lets this node bring (`LeaseMachine`); `nil`: the
  ///   lease is one of an earlier coordinator, of which this one does not know.
  package mutating func check(
    _ batch: RecordBatch, deliverable: OrdinalRangeSet?
  ) -> Verdict {
    guard batch.items.span.upperBound <= self.plan.itemCount else {
      return .wrong("items \(batch.items.span), the work has \(self.plan.itemCount)")
    }
    guard CRC32C.checksum(of: batch.lines) == batch.checksum else { return .damaged }
    if let fault = BatchFrame.limitFault(of: batch) ?? self.plan.fault(in: batch) {
      return .wrong(fault)
    }
    // Lower ones are redeliveries; a gap would be a batch that nobody acknowledges.
    // A sequence number is at least 1 here, and may be the highest there is.
    guard self.sequence == 0 || batch.sequence - 1 <= self.sequence else {
      return .wrong("batch \(batch.sequence) after batch \(self.sequence)")
    }
    if let deliverable, !deliverable.contains(batch.items) {
      return .wrong("items \(batch.items.span), which lease \(batch.leaseID) has not")
    }
    self.sequence = max(self.sequence, batch.sequence)
    return .fine
  }
}
