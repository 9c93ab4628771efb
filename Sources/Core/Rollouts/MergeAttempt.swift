/// Who did what, for `attempts.jsonl`: one line for each stored batch.
package struct MergeAttempt: Equatable, Sendable {
  package var node: String
  package var sequence: UInt64
  package var leaseID: UInt64
  package var attempt: UInt32
  package var items: Range<UInt64>

  package init(
    node: String, sequence: UInt64, leaseID: UInt64, attempt: UInt32, items: Range<UInt64>
  ) {
    self.node = node
    self.sequence = sequence
    self.leaseID = leaseID
    self.attempt = attempt
    self.items = items
  }

  /// The lines in the order of their items, then of attempt, node and sequence number: the same for
  /// the same attempts in any order.
  package static func lines(_ attempts: [Self]) -> [UInt8] {
    let ordered = attempts.sorted {
      ($0.items.lowerBound, $0.items.upperBound, $0.attempt, $0.node, $0.sequence)
        < ($1.items.lowerBound, $1.items.upperBound, $1.attempt, $1.node, $1.sequence)
    }
    var lines: [UInt8] = []
    for attempt in ordered {
      lines += #"{"first":\#(attempt.items.lowerBound),"count":\#(attempt.items.count),"#.utf8
      lines += #""attempt":\#(attempt.attempt),"node":"#.utf8
      RecordLine.appendString(attempt.node, to: &lines)
      lines += #","lease":\#(attempt.leaseID),"sequence":\#(attempt.sequence)}\#n"#.utf8
    }
    return lines
  }
}
