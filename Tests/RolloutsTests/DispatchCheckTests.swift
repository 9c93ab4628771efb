import Rollouts
import Testing

struct DispatchCheckTests {
  private typealias Verdict = DispatchCheck.Verdict

  private static func check(_ itemCount: UInt64) throws -> DispatchCheck {
    DispatchCheck(
      try WorkPlan(kind: "test", specification: Array("{}".utf8), taskCount: itemCount))
  }

  private static func batch(_ sequence: UInt64, _ items: Range<UInt64>...) -> RecordBatch {
    let items = OrdinalRangeSet(items)
    return RecordBatch(
      BatchHeader(sequence: sequence, leaseID: 1, attempt: 1, items: items),
      lines: items.ordinals.flatMap {
        Array(#"{"task_index":\#($0),"rollout_index":0,"a":1}"#.utf8) + [10]
      })
  }

  private static func verdict(
    _ check: inout DispatchCheck, _ batch: RecordBatch, of deliverable: OrdinalRangeSet? = nil
  ) -> Verdict {
    // With the checksum of its lines, whatever was done to them.
    check.check(RecordBatch(batch.header, lines: batch.lines), deliverable: deliverable)
  }

  private static func isWrong(_ verdict: Verdict) -> Bool {
    switch verdict {
    case .wrong: true
    case .fine, .damaged: false
    }
  }

  @Test func `numbers go up by one, and may come again`() throws {
    var check = try Self.check(100)
    #expect(Self.verdict(&check, Self.batch(1, 0..<2)) == .fine)
    #expect(Self.verdict(&check, Self.batch(2, 2..<4)) == .fine)
    #expect(Self.verdict(&check, Self.batch(1, 0..<2)) == .fine, "a redelivery")
    #expect(Self.verdict(&check, Self.batch(3, 4..<5)) == .fine, "which does not set it back")
    #expect(Self.verdict(&check, Self.batch(5, 6..<7)) == .wrong("batch 5 after batch 3"))
    #expect(Self.verdict(&check, Self.batch(4, 5..<6)) == .fine)
  }

  @Test func `a stream begins with any number but none`() throws {
    for sequence in [1, 2, 1 << 40, UInt64.max] {
      var check = try Self.check(10)
      #expect(Self.verdict(&check, Self.batch(sequence, 0..<1)) == .fine)
    }
    var check = try Self.check(10)
    #expect(Self.verdict(&check, Self.batch(0, 0..<1)) == .wrong("sequence 0"))
  }

  @Test func `an attempt that no coordinator makes is refused, so that none can follow it`() throws
  {
    for attempt in [0, 1 << 19 + 1, 1 << 21, UInt32.max - 1, .max] as [UInt32] {
      var check = try Self.check(10)
      var batch = Self.batch(1, 0..<1)
      batch.header.attempt = attempt
      #expect(Self.verdict(&check, batch) == .wrong("attempt \(attempt)"))
    }
  }

  @Test func `the last number there is has none after it`() throws {
    var check = try Self.check(10)
    #expect(Self.verdict(&check, Self.batch(.max, 0..<1)) == .fine)
    #expect(Self.verdict(&check, Self.batch(.max, 0..<1)) == .fine)
    #expect(Self.verdict(&check, Self.batch(7, 0..<1)) == .fine)
  }

  @Test func `items beyond the work are wrong, whatever else is`() throws {
    var check = try Self.check(10)
    #expect(Self.verdict(&check, Self.batch(1, 8..<10)) == .fine)
    let beyond = Self.batch(2, 9..<11)
    let expected = Verdict.wrong("items 9..<11, the work has 10")
    #expect(Self.verdict(&check, beyond) == expected)
    #expect(
      check.check(
        RecordBatch(beyond.header, lines: beyond.lines, checksum: 0), deliverable: nil) == expected)
  }

  @Test func `one flipped bit anywhere in the lines is damage, and leaves the numbers alone`()
    throws
  {
    var check = try Self.check(10)
    let batch = Self.batch(1, 0..<2)
    for index in batch.lines.indices {
      for bit in 0..<8 {
        var damaged = batch
        damaged.lines[index] ^= 1 << UInt8(bit)
        #expect(check.check(damaged, deliverable: nil) == .damaged)
      }
    }
    let other = RecordBatch(batch.header, lines: batch.lines, checksum: ~batch.checksum)
    #expect(check.check(other, deliverable: nil) == .damaged)
    #expect(Self.verdict(&check, Self.batch(9, 0..<2)) == .fine, "still the stream's first")
  }

  @Test func `a frame that no node of ours makes is wrong although its checksum is right`() throws {
    let right = Self.batch(1, 0..<2)
    let edits: [(inout RecordBatch) -> Void] = [
      { $0.attempt = 0 }, { $0.lines.removeLast() }, { $0.lines = [] }, { $0.lines.append(10) },
      { $0.items = [0..<1] }, { $0.items = [0..<3] }, { $0.items = [] },
      { $0.items = [0..<1, 2..<4] },
      { $0.lines = [UInt8](repeating: 10, count: BatchFrame.maximumSize + 1) },
    ]
    for (index, edit) in edits.enumerated() {
      var check = try Self.check(10)
      var batch = right
      edit(&batch)
      #expect(Self.isWrong(Self.verdict(&check, batch)), "edit \(index)")
      #expect(
        Self.verdict(&check, Self.batch(5, 0..<1)) == .fine, "what is wrong counts as nothing")
    }
  }

  @Test func `a batch has items that its lease was given with, and no others`() throws {
    var check = try Self.check(10)
    let lease: OrdinalRangeSet = [1..<2, 4..<9]
    #expect(Self.verdict(&check, Self.batch(1, 4..<9), of: lease) == .fine)
    #expect(Self.verdict(&check, Self.batch(2, 1..<2, 7..<9), of: lease) == .fine)
    for batch in [
      Self.batch(3, 3..<5), Self.batch(3, 1..<3), Self.batch(3, 1..<2, 9..<10),
      Self.batch(3, 4..<6, 7..<10), Self.batch(3, 0..<1),
    ] {
      #expect(Self.isWrong(Self.verdict(&check, batch, of: lease)), "\(batch.items)")
    }
    #expect(Self.isWrong(Self.verdict(&check, Self.batch(3, 4..<5), of: [])), "no such lease")
    #expect(Self.verdict(&check, Self.batch(3, 3..<5)) == .fine, "of an earlier coordinator")
  }
}
