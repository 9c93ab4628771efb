/// Reads JSON forwards out of bytes that may be anything: every step checks what it finds and says no.
/// It neither allocates nor looks outside `bytes`, which outlive it.
struct RecordLineScanner {
  /// Deeper values than this are refused: a record has three levels, a conversation a few more.
  private static let maximumDepth = 64

  let bytes: UnsafeRawBufferPointer
  /// The next byte to read, 0 ... `bytes.count`.
  var index: Int

  init(_ bytes: UnsafeRawBufferPointer, from index: Int = 0) {
    self.bytes = bytes
    self.index = index
  }

  var isAtEnd: Bool { self.index == self.bytes.count }

  /// The byte that comes next; 0 at the end.
  var peek: UInt8 { self.isAtEnd ? 0 : self.bytes[self.index] }

  /// Steps over `byte` if it comes next.
  mutating func take(_ byte: UInt8) -> Bool {
    guard self.index < self.bytes.count, self.bytes[self.index] == byte else { return false }
    self.index += 1
    return true
  }

  /// Steps over `text` if it comes next.
  mutating func take(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard self.bytes.count - self.index >= count else { return false }
    for offset in 0..<count where self.bytes[self.index + offset] != text.utf8Start[offset] {
      return false
    }
    self.index += count
    return true
  }

  /// Steps over `text` if it comes next, eight bytes at a time.
  mutating func take(_ text: [UInt8]) -> Bool {
    let (bytes, start) = (self.bytes, self.index)
    guard bytes.count - start >= text.count else { return false }
    let isNext = text.withUnsafeBytes { text in
      var offset = 0
      while text.count - offset >= 8 {
        let word = text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        if word != bytes.loadUnaligned(fromByteOffset: start + offset, as: UInt64.self) {
          return false
        }
        offset += 8
      }
      while offset < text.count, text[offset] == bytes[start + offset] { offset += 1 }
      return offset == text.count
    }
    if isNext { self.index += text.count }
    return isNext
  }

  /// A decimal integer without sign or leading zero that fits 64 bits.
  mutating func integer() -> UInt64? {
    let start = self.index
    var value: UInt64 = 0
    while self.index < self.bytes.count, case let digit = self.bytes[self.index] &- 48, digit < 10 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
      guard !overflow, !carry else { return nil }
      value = sum
      self.index += 1
    }
    let count = self.index - start
    guard count > 0, count == 1 || self.bytes[start] != 48 else { return nil }
    return value
  }

  /// The bytes between the quotes of a string, escapes as they stand.
  mutating func string() -> Range<Int>? {
    guard self.take(0x22) else { return nil }
    let start = self.index
    while self.index < self.bytes.count {
      let byte = self.bytes[self.index]
      self.index += 1
      if byte == 0x22 { return start..<self.index - 1 }
      if byte < 0x20 { return nil }
      if byte == 0x5C {
        guard self.index < self.bytes.count else { return nil }
        self.index += 1
      }
    }
    return nil
  }

  /// A string as text; escapes stay as they are, wrong UTF-8 is repaired.
  mutating func text() -> String? {
    guard let range = self.string() else { return nil }
    return String(decoding: self.bytes[range], as: UTF8.self)
  }

  /// A number; `nil` also for one that is not finite.
  ///
  /// Up to 15 digits and a power of ten up to 22 are both exact doubles, so that one division rounds
  /// correctly (Clinger, "How to Read Floating Point Numbers Accurately", PLDI 1990); longer ones go
  /// the library's way.
  mutating func number() -> Double? {
    let start = self.index
    let negative = self.take(0x2D)
    var mantissa: UInt64 = 0
    var digitCount = 0
    var fractionCount = 0
    var isPlain = true
    var sawPoint = false
    var sawDigit = false
    scan: while self.index < self.bytes.count {
      let byte = self.bytes[self.index]
      switch byte {
      case 0x30...0x39:
        digitCount += mantissa == 0 && byte == 0x30 ? 0 : 1
        mantissa = mantissa &* 10 &+ UInt64(byte - 0x30)
        if sawPoint { fractionCount += 1 }
        sawDigit = true
      case 0x2E:
        isPlain = isPlain && !sawPoint
        sawPoint = true
      case 0x65, 0x45, 0x2B, 0x2D:
        isPlain = false
      default:
        break scan
      }
      self.index += 1
    }
    let length = self.index - start
    guard sawDigit, length <= 400 else { return nil }
    if isPlain, digitCount <= 15, fractionCount <= 22 {
      let value = Double(mantissa) / Self.powersOfTen[fractionCount]
      return negative ? -value : value
    }
    let text = String(decoding: self.bytes[start..<self.index], as: UTF8.self)
    guard let value = Double(text), value.isFinite else { return nil }
    return value
  }

  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  /// Steps over one value of any kind, in one pass and without recursion: brackets must pair, what is
  /// between them is not looked at further.
  mutating func skipValue() -> Bool {
    var closers: UInt64 = 0
    var depth = 0
    repeat {
      guard self.index < self.bytes.count else { return false }
      switch self.bytes[self.index] {
      case 0x22:
        guard self.string() != nil else { return false }
      case 0x7B, 0x5B:
        guard depth < Self.maximumDepth else { return false }
        closers = closers << 1 | (self.bytes[self.index] == 0x7B ? 1 : 0)
        depth += 1
        self.index += 1
      case 0x7D, 0x5D:
        guard depth > 0, closers & 1 == (self.bytes[self.index] == 0x7D ? 1 : 0) else {
          return false
        }
        closers >>= 1
        depth -= 1
        self.index += 1
      case 0x2C, 0x3A:
        guard depth > 0 else { return false }
        self.index += 1
      case 0x2D, 0x30...0x39, 0x61...0x7A:
        self.skipWord()
      default:
        return false
      }
    } while depth > 0
    return true
  }

  /// Digits, letters and what numbers are made of.
  private mutating func skipWord() {
    while self.index < self.bytes.count {
      switch self.bytes[self.index] {
      case 0x2B, 0x2D, 0x2E, 0x30...0x39, 0x45, 0x61...0x7A: self.index += 1
      default: return
      }
    }
  }
}

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
    return count + bytes[index...].count { $0 == 0x0A }
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
    return bytes[index...].firstIndex(of: 0x0A)
  }
}
