import Fleet
import Rollouts
import Testing

struct MergeTests {
  private struct Merged: Equatable {
    var records = ""
    var missing = ""
    var conflicts = ""
    var counts = MergeSummary()
  }

  private static func line(_ key: ItemKey, _ value: String = "1") -> String {
    #"{"task_index":\#(key.taskIndex),"rollout_index":\#(key.rolloutIndex),"value":\#(value)}"#
      + "\n"
  }

  private static func plan(_ tasks: UInt64, _ rollouts: UInt64 = 1) throws -> WorkPlan {
    try WorkPlan(
      kind: "test", specification: Array("{}".utf8), taskCount: tasks, rolloutsPerTask: rollouts)
  }

  private func merge(_ plan: WorkPlan, _ batches: [RecordBatch]) -> Merged {
    var merged = Merged()
    var merge = Merge(plan: plan, batches: batches.map(\.header))
    merge.run(
      load: { batches[$0].lines },
      write: { (output: MergeOutput, bytes: [UInt8]) in
        let text = String(decoding: bytes, as: UTF8.self)
        switch output {
        case .records: merged.records += text
        case .missing: merged.missing += text
        case .conflicts: merged.conflicts += text
        }
      })
    merged.counts = merge.summary
    return merged
  }

  private func batch(
    _ items: OrdinalRangeSet, attempt: UInt32 = 1, _ line: (UInt64) -> String
  ) -> RecordBatch {
    RecordBatch(
      BatchHeader(sequence: 1, leaseID: 1, attempt: attempt, items: items),
      lines: Array(items.ordinals.map(line).joined().utf8))
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func `any split, order and repetition gives the same bytes`(_ seed: UInt64) throws {
    var generator = SplitMix64(state: seed)
    let plan = try Self.plan(UInt64.random(in: 1...60, using: &generator), seed % 3 + 1)
    let expected = (0..<plan.itemCount).map { Self.line(plan.key(of: $0)) }
    var batches: [RecordBatch] = []
    for attempt in 1...UInt32.random(in: 1...4, using: &generator) {
      // Of a few batches that are open at once each item goes into one, as it happens.
      var parts = [OrdinalRangeSet](repeating: [], count: Int.random(in: 1...4, using: &generator))
      for ordinal in 0..<plan.itemCount where attempt == 1 || ordinal % 3 > 0 {
        let place = Int.random(in: 0..<parts.count, using: &generator)
        parts[place].insert(ordinal..<ordinal + 1)
        if parts[place].count == 15 {
          batches.append(self.batch(parts[place], attempt: attempt) { expected[Int($0)] });
          parts[place] = []
        }
      }
      for part in parts where !part.isEmpty {
        batches.append(self.batch(part, attempt: attempt) { expected[Int($0)] })
      }
    }
    batches.shuffle(using: &generator)
    let merged = self.merge(plan, batches)
    #expect(merged.records == expected.joined())
    #expect(merged.missing.isEmpty && merged.conflicts.isEmpty)
    #expect(merged.counts.merged == plan.itemCount && merged.counts.rejected == 0)
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func `holes, failures and conflicts are as a plain merge finds them`(_ seed: UInt64) throws {
    var generator = SplitMix64(state: seed)
    let plan = try Self.plan(40)
    var batches: [RecordBatch] = []
    for _ in 0..<12 {
      var items = OrdinalRangeSet()
      for _ in 0...UInt64.random(in: 0...2, using: &generator) {
        let first = UInt64.random(in: 0..<40, using: &generator)
        items.insert(first..<first + UInt64.random(in: 1...8, using: &generator))
      }
      let attempt = UInt32.random(in: 1...3, using: &generator)
      batches.append(
        self.batch(items, attempt: attempt) { ordinal in
          let key = plan.key(of: ordinal)
          switch UInt32.random(in: 0..<10, using: &generator) {
          case 0:
            return String(
              decoding: RecordLine.failure(of: key, ItemFailure("timeout", "m")),
              as: UTF8.self)
          case 1: return "rubbish\n"
          case 2: return Self.line(key, "2")
          default: return Self.line(key)
          }
        })
    }
    let merged = self.merge(plan, batches)
    #expect(merged == self.reference(plan, batches))
    #expect(merged.counts.merged + merged.counts.missing == 40)
    #expect(self.merge(plan, batches.shuffled(using: &generator)) == merged)
  }

  /// Item by item, with everything in memory.
  private func reference(_ plan: WorkPlan, _ batches: [RecordBatch]) -> Merged {
    var merged = Merged()
    merged.counts.workID = plan.workID
    merged.counts.planned = plan.itemCount
    merged.counts.batches = batches.count
    merged.counts.retriedBatches = batches.count { $0.attempt > 1 }
    var found: [UInt64: [(attempt: UInt32, line: String)]] = [:]
    for batch in batches {
      let lines = String(decoding: batch.lines, as: UTF8.self).split(separator: "\n")
      for (ordinal, line) in zip(batch.items.ordinals, lines) {
        found[ordinal, default: []].append((batch.attempt, "\(line)\n"))
      }
    }
    for ordinal in 0..<plan.itemCount {
      let key = plan.key(of: ordinal)
      let head = #"{"task_index":\#(key.taskIndex),"rollout_index":\#(key.rolloutIndex)"#
      let all = found.removeValue(forKey: ordinal) ?? []
      let results = all.filter { $0.line.contains("value") }.sorted {
        ($0.attempt, SHA256.hex(of: $0.line.utf8)) < ($1.attempt, SHA256.hex(of: $1.line.utf8))
      }
      let failures = all.filter { $0.line.contains("error") }
      merged.counts.rejected += UInt64(all.count - results.count - failures.count)
      if let winner = results.first {
        merged.counts.merged += 1
        merged.records += winner.line
        var seen = Set<String>()
        for loser in results where loser.line != winner.line {
          guard seen.insert("\(loser.attempt) \(loser.line)").inserted else { continue }
          merged.counts.conflicts += 1
          merged.conflicts +=
            #"\#(head),"attempt":\#(loser.attempt),"record":\#(loser.line.dropLast())}"# + "\n"
        }
      } else {
        merged.counts.missing += 1
        if let last = failures.map(\.attempt).max() {
          merged.counts.failed += 1
          merged.missing +=
            #"\#(head),"reason":"error","attempt":\#(last),"#
            + #""error":{"class":"timeout","message":"m"}}"# + "\n"
        } else {
          let reason = all.isEmpty ? "no_record" : "rejected"
          merged.missing += #"\#(head),"reason":"\#(reason)"}"# + "\n"
        }
      }
    }
    merged.counts.rejected += UInt64(found.values.reduce(0) { $0 + $1.count })
    return merged
  }

  @Test func `the lowest attempt wins, and a failure wins over nothing`() throws {
    let plan = try Self.plan(2)
    let keys = (0..<2).map { plan.key(of: UInt64($0)) }
    let merged = self.merge(
      plan,
      [
        self.batch([0..<2], attempt: 1) { _ in
          String(
            decoding: RecordLine.failure(of: keys[0], ItemFailure("c", "")), as: UTF8.self)
        },
        self.batch([0..<2], attempt: 3) { Self.line(keys[Int($0)], "3") },
        self.batch([0..<1], attempt: 2) { _ in Self.line(keys[0], "2") },
      ])
    #expect(merged.records == Self.line(keys[0], "2") + Self.line(keys[1], "3"))
    #expect(
      merged.conflicts
        == #"{"task_index":0,"rollout_index":0,"attempt":3,"record":"#
        + Self.line(keys[0], "3").dropLast() + "}\n")
    #expect(merged.counts.rejected == 1)
  }

  @Test func `a line that is broken is no result, and its item is missing`() throws {
    let plan = try Self.plan(3)
    let merged = self.merge(
      plan,
      [
        self.batch([0..<3]) { ordinal in
          let line = Self.line(plan.key(of: ordinal))
          return ordinal == 1 ? line.replacing(":1}", with: ":tru}") : line
        }
      ])
    #expect(merged.records == Self.line(plan.key(of: 0)) + Self.line(plan.key(of: 2)))
    #expect(merged.missing == #"{"task_index":1,"rollout_index":0,"reason":"rejected"}"# + "\n")
    #expect(merged.counts.merged == 2 && merged.counts.missing == 1)
    #expect(merged.counts.rejected == 1 && !merged.counts.isSettled)
    #expect(merged.counts.warnings.count == 1)
  }

  @Test func `attempts are listed in one order`() {
    let first = (
      node: "b", batch: BatchHeader(sequence: 1, leaseID: 2, attempt: 1, items: [0..<5])
    )
    let second = (
      node: "a", batch: BatchHeader(sequence: 1, leaseID: 1, attempt: 1, items: [5..<9])
    )
    let third = (
      node: "c",
      batch: BatchHeader(
        sequence: 4, leaseID: 7, attempt: 2, kind: .failure, items: [2..<3, 6..<8])
    )
    #expect(
      String(decoding: MergeAttempts.lines([third, second]), as: UTF8.self) == """
        {"first":2,"count":1,"attempt":2,"node":"c","lease":7,"sequence":4,"failed":true}
        {"first":5,"count":4,"attempt":1,"node":"a","lease":1,"sequence":1}
        {"first":6,"count":2,"attempt":2,"node":"c","lease":7,"sequence":4,"failed":true}

        """)
    #expect(MergeAttempts.lines([second, first]) == MergeAttempts.lines([first, second]))
    #expect(
      String(decoding: MergeAttempts.lines([first]), as: UTF8.self)
        == #"{"first":0,"count":5,"attempt":1,"node":"b","lease":2,"sequence":1}"# + "\n")
  }
}
