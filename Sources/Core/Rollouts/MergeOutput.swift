import Fleet

/// What a merge found: what the last complete one left in `merged/summary.json`. `planned` = `merged` +
/// `missing`, always.
package struct MergeSummary: Codable, Equatable, Sendable {
  package var workID = ""
  package var planned: UInt64 = 0
  package var merged: UInt64 = 0
  /// Planned keys without a result.
  package var missing: UInt64 = 0
  /// Those of the missing whose attempts all failed.
  package var failed: UInt64 = 0
  /// Results that lost against another one and differ from it.
  package var conflicts: UInt64 = 0
  /// Records that are not in the plan, not at their place, or not records.
  package var rejected: UInt64 = 0
  /// Batches that were stored, and those of them whose items had been leased before.
  package var batches = 0
  package var retriedBatches = 0
  /// Record files that are wrong from some byte on, each with what and where.
  package var damaged: [String] = []

  private enum CodingKeys: String, CodingKey {
    case workID = "work_id"
    case planned, merged, missing, failed, conflicts, rejected, batches
    case retriedBatches = "retried_batches"
    case damaged
  }

  package init() {}

  /// Every planned item is there.
  package var isComplete: Bool { self.missing == 0 }
  /// A line of talk each.
  package var warnings: [String] {
    self.damaged.map { "warning: \($0); what is before it was used" }
  }
  /// The counts, in one line.
  package var line: String {
    "merged \(self.merged) of \(self.planned) items, \(self.missing) missing, "
      + "\(self.conflicts) conflicts, \(self.rejected) rejected"
  }
}

/// Where a merge's lines go.
package enum MergeOutput: CaseIterable, Sendable {
  case records, missing, conflicts
}

/// Who did what, for `attempts.jsonl`.
package enum MergeAttempts {
  /// One line for each range of items of each batch, in the order of items, then of attempt, node and
  /// sequence number: the same for the same attempts in any order.
  package static func lines(_ attempts: [(node: String, batch: BatchHeader)]) -> [UInt8] {
    let rows = attempts.flatMap { attempt in
      attempt.batch.items.ranges.map { (items: $0, attempt: attempt) }
    }
    let ordered = rows.sorted {
      let (one, other) = ($0.attempt, $1.attempt)
      return (
        $0.items.lowerBound, $0.items.upperBound, one.batch.attempt, one.node, one.batch.sequence
      ) < (
        $1.items.lowerBound, $1.items.upperBound, other.batch.attempt, other.node,
        other.batch.sequence
      )
    }
    var lines: [UInt8] = []
    for (items, attempt) in ordered {
      let batch = attempt.batch
      lines += #"{"first":\#(items.lowerBound),"count":\#(items.count),"#.utf8
      lines += #""attempt":\#(batch.attempt),"node":\#(JSONText.quoted(attempt.node))"#.utf8
      lines += #","lease":\#(batch.leaseID),"sequence":\#(batch.sequence)"#.utf8
      lines += batch.kind == .failure ? #","failed":true}"#.utf8 : "}".utf8
      lines.append(0x0A)
    }
    return lines
  }
}
