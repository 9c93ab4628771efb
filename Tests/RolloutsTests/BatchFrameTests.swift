@testable import Rollouts
import Testing

struct BatchFrameTests {
  private static let batch = RecordBatch(
    BatchHeader(sequence: 7, leaseID: 3, attempt: 1, items: [4..<5, 9..<10]),
    lines: Array("{\"task_index\":4}\n{\"task_index\":9}\n".utf8))

  private static var frame: [UInt8] {
    var bytes: [UInt8] = []
    BatchFrame.append(Self.batch, to: &bytes)
    return bytes
  }

  private func next(_ bytes: [UInt8]) -> BatchFrameDecoder.Step {
    bytes.withUnsafeBytes { BatchFrameDecoder.next(in: $0) }
  }

  @Test func `a frame reads back`() throws {
    let frame = Self.frame
    guard case .batch(let entry) = self.next(frame + [0x7B]) else {
      Issue.record("not a batch")
      return
    }
    #expect(entry.header == Self.batch.header && entry.frameOffset == 0)
    #expect(Array(frame[entry.offset...]) == Self.batch.lines)
    #expect(entry.size == Self.batch.lines.count)
    let mark = BatchFrame.markLine(droppedThrough: 9)
    #expect(self.next(mark) == .mark(droppedThrough: 9, size: mark.count))
  }

  @Test func `a frame with as many ranges as are allowed reads back, of results and of failures`() {
    let count = UInt64(BatchFrame.maximumRangeCount)
    let last = WorkPlan.maximumItemCount - 2 * count
    let items = OrdinalRangeSet((0..<count).map { last + $0 * 2..<last + $0 * 2 + 1 })
    for kind in [RecordLine.Kind.result, .failure] {
      let batch = RecordBatch(
        BatchHeader(
          sequence: .max, leaseID: .max, attempt: BatchFrame.maximumAttempt, kind: kind,
          items: items),
        lines: [UInt8](repeating: 0x0A, count: Int(count)))
      var bytes: [UInt8] = []
      BatchFrame.append(batch, to: &bytes)
      guard case .batch(let entry) = self.next(bytes) else {
        Issue.record("not a batch")
        continue
      }
      #expect(entry.header == batch.header)
    }
  }

  @Test func `every flipped bit is noticed`() {
    for bytes in [Self.frame, BatchFrame.markLine(droppedThrough: 9)] {
      for index in bytes.indices {
        for bit in 0..<8 {
          var wrong = bytes
          wrong[index] ^= 1 << UInt8(bit)
          switch self.next(wrong) {
          case .corrupt: continue
          case .incomplete where wrong.firstIndex(of: 0x0A) == nil: continue
          case let step: Issue.record("bit \(bit) of byte \(index): \(step)")
          }
        }
      }
    }
  }

  @Test func `every truncation is incomplete`() {
    let frame = Self.frame
    for count in 1..<frame.count {
      guard case .incomplete(let needed) = self.next(Array(frame[..<count])) else {
        Issue.record("\(count) bytes")
        continue
      }
      #expect(needed > count && needed <= frame.count)
    }
  }

  @Test func `a batch beyond the caps is refused`() {
    var batch = Self.batch
    #expect(BatchFrame.fault(of: batch) == nil)
    batch.items = [4..<7]
    #expect(BatchFrame.fault(of: batch) == "2 whole lines for 3 items")
    batch.items = []
    #expect(BatchFrame.fault(of: batch) != nil)
    batch.items = OrdinalRangeSet(
      (0...UInt64(BatchFrame.maximumRangeCount)).map { $0 * 2..<$0 * 2 + 1 })
    #expect(BatchFrame.fault(of: batch) == "1025 ranges, allowed are 1024")
    batch = Self.batch
    batch.lines.removeLast()
    #expect(BatchFrame.fault(of: batch) != nil)
    batch.lines = [UInt8](repeating: 0x0A, count: BatchFrame.maximumSize + 1)
    #expect(BatchFrame.fault(of: batch) != nil)
    batch = Self.batch
    batch.sequence = 0
    #expect(BatchFrame.fault(of: batch) == "sequence 0")
  }
}
