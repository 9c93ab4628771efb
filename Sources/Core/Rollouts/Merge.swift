import Fleet

/// Merges the batches of all nodes into one result, as a pure function of the plan and the records:
/// every planned key once, in order, or listed as missing with its reason.
///
/// Of several results for one key the one of the lowest attempt wins, then the one with the smaller
/// SHA-256 of its line. Another one that differs from it is a conflict. A failure wins over nothing.
package struct Merge {
  /// Output is handed on in pieces of about this size, in bytes.
  private static let pieceSize = 1 << 20

  /// A batch that covers the items at hand.
  private struct Open {
    var lines: [UInt8]
    /// Where the line of the next item begins.
    var position = 0
  }

  private struct Candidate {
    var attempt: UInt32
    var line: ArraySlice<UInt8>
  }

  private let plan: WorkPlan
  private let batches: [BatchHeader]
  private var open: [Int: Open] = [:]
  private var pending: [MergeOutput: [UInt8]] = [:]
  package private(set) var summary = MergeSummary()

  /// - Parameter batches: In any order; each is known by its position.
  package init(plan: WorkPlan, batches: [BatchHeader]) {
    self.plan = plan
    self.batches = batches
  }

  /// Merges all. Memory is that of the batches that overlap at one place, and 1 MiB of output.
  ///
  /// - Parameter load: The lines of the batch at a position: one line for each of its items. Called at
  ///   most once for each, in the order of their first items.
  package mutating func run<Fault: Error>(
    load: (Int) throws(Fault) -> [UInt8], write: (MergeOutput, [UInt8]) throws(Fault) -> Void
  ) throws(Fault) {
    self.summary.workID = self.plan.workID
    self.summary.planned = self.plan.itemCount
    self.summary.batches = self.batches.count
    self.summary.retriedBatches = self.batches.count { $0.attempt > 1 }
    for batch in self.batches where batch.items.span.upperBound > self.plan.itemCount {
      let planned = batch.items.intersection([0..<self.plan.itemCount])
      self.summary.rejected += batch.items.count - planned.count
    }
    for step in MergeStep.steps(for: self.batches, itemCount: self.plan.itemCount) {
      for index in step.batches where self.open[index] == nil {
        self.open[index] = Open(lines: try load(index))
      }
      if step.batches.count == 1, let only = self.open.removeValue(forKey: step.batches[0]) {
        self.copy(step.items, of: only, at: step.batches[0])
      } else {
        for ordinal in step.items {
          self.decide(ordinal, step.batches)
          if ordinal & 1023 == 0 { try self.flush(over: Self.pieceSize, write) }
        }
      }
      for index in step.batches
      where self.batches[index].items.span.upperBound <= step.items.upperBound {
        self.open[index] = nil
      }
      try self.flush(over: Self.pieceSize, write)
    }
    try self.flush(over: 0, write)
  }

  /// Items that one batch alone has: copied in runs that are as long as nothing is wrong.
  private mutating func copy(_ items: Range<UInt64>, of batch: Open, at index: Int) {
    let attempt = self.batches[index].attempt
    let position = batch.lines.withUnsafeBytes { bytes in
      var start = batch.position
      var position = start
      for ordinal in items {
        let end = RecordLineFeeds.first(in: bytes, from: position).map { $0 + 1 } ?? bytes.count
        let line = UnsafeRawBufferPointer(rebasing: bytes[position..<end])
        if self.kind(of: line, ordinal) == .result {
          self.summary.merged += 1
        } else {
          self.pending[.records, default: []].append(contentsOf: bytes[start..<position])
          self.decide(ordinal, [Candidate(attempt: attempt, line: ArraySlice(line))])
          start = end
        }
        position = end
      }
      self.pending[.records, default: []].append(contentsOf: bytes[start..<position])
      return position
    }
    if self.batches[index].items.span.upperBound > items.upperBound {
      self.open[index] = Open(lines: batch.lines, position: position)
    }
  }

  /// One item that several batches have, or none.
  private mutating func decide(_ ordinal: UInt64, _ indices: [Int]) {
    var candidates: [Candidate] = []
    for index in indices {
      guard let batch = self.open[index] else { continue }
      let end =
        batch.lines.withUnsafeBytes { RecordLineFeeds.first(in: $0, from: batch.position) }
        .map { $0 + 1 } ?? batch.lines.count
      candidates.append(
        Candidate(
          attempt: self.batches[index].attempt, line: batch.lines[batch.position..<end]))
      self.open[index]?.position = end
    }
    self.decide(ordinal, candidates)
  }

  private mutating func decide(_ ordinal: UInt64, _ candidates: [Candidate]) {
    var results: [Candidate] = []
    var failures: [Candidate] = []
    for candidate in candidates {
      switch candidate.line.withUnsafeBytes({ self.kind(of: $0, ordinal) }) {
      case .result: results.append(candidate)
      case .failure: failures.append(candidate)
      case nil: self.summary.rejected += 1
      }
    }
    if results.isEmpty {
      self.addMissing(ordinal, failures, wereRejected: !candidates.isEmpty)
    } else {
      self.addResult(ordinal, results)
    }
  }

  private mutating func addResult(_ ordinal: UInt64, _ results: [Candidate]) {
    // Hashes only where bytes differ, which is rare: a repeated item gives the same bytes.
    let distinct = results.contains { $0.line != results[0].line }
    var ranked = results
    if distinct {
      let keyed = results.map { (candidate: $0, digest: SHA256.hex(of: $0.line)) }
      ranked = keyed.sorted {
        ($0.candidate.attempt, $0.digest) < ($1.candidate.attempt, $1.digest)
      }.map(\.candidate)
    }
    let winner = ranked[0]
    self.pending[.records, default: []] += winner.line
    self.summary.merged += 1
    var previous = winner
    for loser in ranked.dropFirst() where loser.line != winner.line {
      // The same batch stored twice is one conflict.
      if loser.attempt == previous.attempt, loser.line == previous.line { continue }
      previous = loser
      self.summary.conflicts += 1
      self.add(
        .conflicts, ordinal,
        Array(#","attempt":\#(loser.attempt),"record":"#.utf8)
          + loser.line.dropLast() + "}\n".utf8)
    }
  }

  private mutating func addMissing(
    _ ordinal: UInt64, _ failures: [Candidate], wereRejected: Bool
  ) {
    self.summary.missing += 1
    // The last attempt's cause says most.
    let last = failures.max {
      $0.attempt != $1.attempt
        ? $0.attempt < $1.attempt : $1.line.lexicographicallyPrecedes($0.line)
    }
    guard let last else {
      let reason = wereRejected ? "rejected" : "no_record"
      self.add(.missing, ordinal, Array(#","reason":"\#(reason)"}\#n"#.utf8))
      return
    }
    self.summary.failed += 1
    let line = Array(last.line)
    let (name, message) =
      line.withUnsafeBytes { RecordLine.failureFields(of: $0) } ?? (0..<0, 0..<0)
    self.add(
      .missing, ordinal,
      Array(#","reason":"error","attempt":\#(last.attempt),"error":{"class":"#.utf8)
        + line[name] + #","message":"#.utf8 + line[message] + "}}\n".utf8)
  }

  private mutating func add(_ output: MergeOutput, _ ordinal: UInt64, _ rest: [UInt8]) {
    let key = self.plan.key(of: ordinal)
    let head = #"{"task_index":\#(key.taskIndex),"rollout_index":\#(key.rolloutIndex)"#
    self.pending[output, default: []] += Array(head.utf8) + rest
  }

  /// What the line is, if it is a whole record of the item `ordinal`.
  private func kind(of line: UnsafeRawBufferPointer, _ ordinal: UInt64) -> RecordLine.Kind? {
    RecordLine.kind(of: line, key: self.plan.key(of: ordinal))
  }

  private mutating func flush<Fault: Error>(
    over size: Int, _ write: (MergeOutput, [UInt8]) throws(Fault) -> Void
  ) throws(Fault) {
    for output in MergeOutput.allCases {
      guard let bytes = self.pending[output], bytes.count > size else { continue }
      try write(output, bytes)
      self.pending[output] = nil
    }
  }
}

/// A stretch of items that the same batches cover.
package struct MergeStep: Equatable, Sendable {
  package var items: Range<UInt64>
  /// Positions of the covering batches; none: nobody has these items.
  package var batches: [Int]

  /// Cuts `0 ..< itemCount` into stretches, in order and without gaps, at every bound of a range of a
  /// batch. What batches claim beyond `itemCount` is in no stretch.
  ///
  /// - Complexity: O(n log n + n · d) for n ranges of which at most d overlap.
  package static func steps(for batches: [BatchHeader], itemCount: UInt64) -> [Self] {
    let segments = batches.enumerated().flatMap { index, batch in
      batch.items.ranges.map { (items: $0, batch: index) }
    }.sorted { ($0.items.lowerBound, $0.batch) < ($1.items.lowerBound, $1.batch) }
    let bounds = ([0, itemCount] + batches.flatMap(\.items.bounds)).filter { $0 <= itemCount }
    var steps: [Self] = []
    var active: [(items: Range<UInt64>, batch: Int)] = []
    var next = 0
    let ordered = bounds.sorted()
    for (first, end) in zip(ordered, ordered.dropFirst()) where first < end {
      active.removeAll { $0.items.upperBound <= first }
      while next < segments.count, segments[next].items.lowerBound <= first {
        active.append(segments[next])
        next += 1
      }
      steps.append(Self(items: first..<end, batches: active.map(\.batch)))
    }
    return steps
  }
}

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
  /// Nothing is left to be done: what is missing has failed. What has no record, or none that is whole,
  /// can be done again.
  package var isSettled: Bool { self.missing == self.failed }
  /// A line of talk each.
  package var warnings: [String] {
    self.damaged.map { "warning: \($0); what is before it was used" }
      + (self.rejected == 0
        ? []
        : ["warning: \(self.rejected) records are not used: not whole, or not of the plan"])
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
