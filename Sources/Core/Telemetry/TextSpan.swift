/// A range of bytes of a page's text, at most 64 MiB into it.
package struct TextSpan: Equatable, Sendable {
  private static let escapeBit: UInt32 = 1 << 31

  /// Offset of the first byte.
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
