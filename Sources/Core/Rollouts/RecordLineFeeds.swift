/// Finds and counts line feeds eight bytes at a time.
///
/// Source: the exact zero-byte test of Warren, "Hacker's Delight", section 6-1, on bytes that were
/// XORed with the line feed.
package enum RecordLineFeeds {
  private static let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
  private static let pattern: UInt64 = 0x0A0A_0A0A_0A0A_0A0A

  /// The high bit of every byte that is a line feed; no false ones.
  @inline(__always)
  private static func marks(_ word: UInt64) -> UInt64 {
    let word = word ^ Self.pattern
    return ~((word & Self.low) &+ Self.low | word | Self.low)
  }

  /// The number of line feeds in `bytes`.
  package static func count(in bytes: UnsafeRawBufferPointer) -> Int {
    var count = 0
    var index = 0
    while bytes.count - index >= 8 {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      count += Self.marks(word).nonzeroBitCount
      index += 8
    }
    while index < bytes.count {
      count += bytes[index] == 0x0A ? 1 : 0
      index += 1
    }
    return count
  }

  /// The offset of the first line feed at or after `start`; `nil` without one.
  package static func first(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var index = start
    while bytes.count - index >= 8 {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian
      let marks = Self.marks(word)
      if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < bytes.count {
      if bytes[index] == 0x0A { return index }
      index += 1
    }
    return nil
  }
}
