/// A range of bytes of a page's text, at most 64 MiB into it.
package struct TextSpan: Equatable, Sendable {
  private static let escapeBit: UInt32 = 1 << 31

  let start: UInt32
  private let countAndEscapes: UInt32

  @inline(__always)
  init(_ start: Int, _ count: Int, hasEscapes: Bool = false) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.countAndEscapes =
      UInt32(truncatingIfNeeded: count) | (hasEscapes ? Self.escapeBit : 0)
  }

  static let empty = TextSpan(0, 0)

  /// Bytes as they stand in the text, escapes not resolved.
  @inline(__always)
  package var count: Int { Int(self.countAndEscapes & ~Self.escapeBit) }

  /// Whether a backslash is among the bytes: what they mean is then not what they are.
  @inline(__always)
  package var hasEscapes: Bool { self.countAndEscapes & Self.escapeBit != 0 }

  @inline(__always)
  package var range: Range<Int> { Int(self.start)..<Int(self.start) + self.count }
}

extension UnsafeRawBufferPointer {
  /// Whether the bytes at two offsets of one text are the same; both end within it.
  @inline(__always)
  func equal(_ first: Int, _ second: Int, count: Int) -> Bool {
    var offset = 0
    while count - offset >= 8 {
      guard self.word(at: first + offset) == self.word(at: second + offset) else { return false }
      offset += 8
    }
    while offset < count {
      guard self[first + offset] == self[second + offset] else { return false }
      offset += 1
    }
    return true
  }

  @inline(__always)
  func equal(_ first: TextSpan, _ second: TextSpan) -> Bool {
    first.count == second.count
      && self.equal(Int(first.start), Int(second.start), count: first.count)
  }

  /// Whether `bytes` stand at `start`; they end within the text.
  func equal(_ start: Int, _ bytes: [UInt8]) -> Bool {
    for offset in bytes.indices where self[start + offset] != bytes[offset] { return false }
    return true
  }

  /// Eight bytes, the first in the lowest.
  @inline(__always)
  func word(at index: Int) -> UInt64 {
    UInt64(littleEndian: self.loadUnaligned(fromByteOffset: index, as: UInt64.self))
  }
}

/// Looks for bytes eight at a time.
///
/// Source: the zero-byte test of Warren, "Hacker's Delight", section 6-1. Its short form may mark a
/// byte above a zero byte by mistake, but never one below: the lowest mark is always right.
enum MetricsWord {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  @inline(__always)
  private static func marks(_ word: UInt64, _ byte: UInt64) -> UInt64 {
    let word = word ^ (Self.ones &* byte)
    return (word &- Self.ones) & ~word & Self.highs
  }

  /// The lowest mark is on the first quote, backslash or line feed; 0 without one.
  @inline(__always)
  static func quotedTextMarks(_ word: UInt64) -> UInt64 {
    Self.marks(word, 0x22) | Self.marks(word, 0x5C) | Self.marks(word, 0x0A)
  }

  /// The offset of the next line feed; there is one.
  @inline(__always)
  static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var index = start
    while true {
      let marks = Self.marks(bytes.word(at: index), 0x0A)
      if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
      index += 8
    }
  }

  /// Without the blanks and carriage returns before `end`.
  static func trimmed(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> TextSpan {
    var end = max(start, end)
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 || bytes[end - 1] == 0x0D {
      end -= 1
    }
    return TextSpan(start, end - start)
  }
}

/// The bytes of names that need no quotes.
enum MetricsNameByte {
  @inline(__always)
  static func isPart(_ byte: UInt8) -> Bool {
    // Letters; then `0` to `9` and the colon right after them.
    (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 <= 10 || byte == 0x5F
  }
}
