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
      self.skipPlainText()
      switch self.peek {
      case 0x22:
        self.index += 1
        return start..<self.index - 1
      case 0x5C:
        guard self.skipEscape() else { return nil }
      case 0..<0x20: return nil
      default: self.index += 1
      }
    }
    return nil
  }

  /// Goes on to the next byte that ends a string or does not stand for itself in one, eight bytes at a
  /// time; the last seven bytes are left to the caller.
  ///
  /// Source: the tests for a zero byte and for a lesser one of Warren, "Hacker's Delight", section 6-1;
  /// their lowest mark is always right.
  private mutating func skipPlainText() {
    let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
    while self.bytes.count - self.index >= 8 {
      let word = self.bytes.loadUnaligned(fromByteOffset: self.index, as: UInt64.self).littleEndian
      let (quote, backslash) = (word ^ ones &* 0x22, word ^ ones &* 0x5C)
      let marks =
        ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash
          | (word &- ones &* 0x20) & ~word) & highs
      if marks != 0 {
        self.index += marks.trailingZeroBitCount / 8
        return
      }
      self.index += 8
    }
  }

  /// Source: RFC 8259, section 7.
  private mutating func skipEscape() -> Bool {
    self.index += 1
    let byte = self.peek
    self.index = min(self.index + 1, self.bytes.count)
    switch byte {
    case 0x22, 0x2F, 0x5C, 0x62, 0x66, 0x6E, 0x72, 0x74: return true
    case 0x75:
      guard self.bytes.count - self.index >= 4 else { return false }
      self.index += 4
      return self.bytes[self.index - 4..<self.index].allSatisfy { digit in
        0x30...0x39 ~= digit || 0x41...0x46 ~= digit || 0x61...0x66 ~= digit
      }
    default: return false
    }
  }

  /// A string as text; escapes stay as they are, wrong UTF-8 is repaired.
  mutating func text() -> String? {
    guard let range = self.string() else { return nil }
    return String(decoding: self.bytes[range], as: UTF8.self)
  }

  /// A number as JSON has it; one that is beyond all doubles, or has more than 400 characters, is
  /// infinite.
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
    let end = self.index
    let digits = end - start - (negative ? 1 : 0) - (sawPoint ? 1 : 0) - fractionCount
    let isWhole =
      isPlain && sawDigit && digits > 0 && (!sawPoint || fractionCount > 0)
      && (digits == 1 || self.bytes[start + (negative ? 1 : 0)] != 0x30)
    if isWhole, digitCount <= 15, fractionCount <= 22 {
      let value = Double(mantissa) / Self.powersOfTen[fractionCount]
      return negative ? -value : value
    }
    self.index = start
    guard self.skipNumber(), self.index == end else { return nil }
    guard end - start <= 400 else { return .infinity }
    return Double(String(decoding: self.bytes[start..<end], as: UTF8.self))
  }

  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  /// Steps over one value of any kind, as RFC 8259 has it and without blanks; in one pass and without
  /// recursion.
  mutating func skipValue() -> Bool {
    // A bit for each value around this one: whether it is an object.
    var objects: UInt64 = 0
    var depth = 0
    while true {
      switch self.peek {
      case 0x22:
        guard self.string() != nil else { return false }
      case 0x2D, 0x30...0x39:
        guard self.skipNumber() else { return false }
      case 0x7B, 0x5B:
        let isObject = self.peek == 0x7B
        self.index += 1
        if self.take(isObject ? 0x7D : 0x5D) { break }
        guard depth < Self.maximumDepth, !isObject || self.skipName() else { return false }
        objects = objects << 1 | (isObject ? 1 : 0)
        depth += 1
        continue
      default:
        guard self.take("true") || self.take("false") || self.take("null") else { return false }
      }
      while depth > 0, !self.take(0x2C) {
        guard self.take(objects & 1 == 1 ? 0x7D : 0x5D) else { return false }
        objects >>= 1
        depth -= 1
      }
      if depth == 0 { return true }
      guard objects & 1 == 0 || self.skipName() else { return false }
    }
  }

  /// The name of a member, and its colon.
  private mutating func skipName() -> Bool {
    self.string() != nil && self.take(0x3A)
  }

  /// Source: RFC 8259, section 6.
  private mutating func skipNumber() -> Bool {
    _ = self.take(0x2D)
    guard self.take(0x30) || self.skipDigits() else { return false }
    if self.take(0x2E) {
      guard self.skipDigits() else { return false }
    }
    guard self.take(0x65) || self.take(0x45) else { return true }
    _ = self.take(0x2B) || self.take(0x2D)
    return self.skipDigits()
  }

  /// - Returns: Whether there was one.
  private mutating func skipDigits() -> Bool {
    let start = self.index
    while self.index < self.bytes.count, 0x30...0x39 ~= self.bytes[self.index] { self.index += 1 }
    return self.index > start
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
