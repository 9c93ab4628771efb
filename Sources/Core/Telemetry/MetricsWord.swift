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
