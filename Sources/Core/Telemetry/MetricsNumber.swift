/// Numbers of a text of metrics, each rounded to the nearest double.
enum MetricsNumber {
  /// No double needs more: 767 digits decide how it rounds, 325 zeros may stand before them.
  private static let sizeMax = 1200

  /// Reads the number at `index` and steps behind it.
  ///
  /// What Go's `ParseFloat` and Python's `float` both read: decimal, with or without point and
  /// exponent, and `Inf`, `Infinity`, `NaN` in upper or lower case. Too large is infinite.
  ///
  /// - Parameter bytes: A byte that is no part of any number follows within it.
  /// - Returns: `nil`, and any index, where there is none.
  @inline(__always)
  static func read(_ bytes: UnsafeRawBufferPointer, from index: inout Int) -> Double? {
    let start = index
    var at = start
    let isNegative = bytes[at] == 0x2D
    if isNegative || bytes[at] == 0x2B { at += 1 }
    let digits = at
    var mantissa: UInt64 = 0
    while case let digit = bytes[at] &- 0x30, digit < 10 {
      mantissa = mantissa &* 10 &+ UInt64(digit)
      at += 1
    }
    var digitCount = at - digits
    var exponent = 0
    if bytes[at] == 0x2E {
      at += 1
      let fraction = at
      while case let digit = bytes[at] &- 0x30, digit < 10 {
        mantissa = mantissa &* 10 &+ UInt64(digit)
        at += 1
      }
      exponent = fraction - at
      digitCount += at - fraction
    }
    guard digitCount > 0 else { return Self.word(bytes, from: &index, at: digits, isNegative) }
    if bytes[at] | 0x20 == 0x65 {
      at += 1
      guard let power = Self.exponent(bytes, from: &at) else { return nil }
      exponent += power
    }
    index = at
    // 19 digits are less than 2^64.
    guard digitCount <= 19, let value = Self.rounded(mantissa, exponent) else {
      return Self.fromLibrary(bytes, start..<at)
    }
    return isNegative ? -value : value
  }

  /// `mantissa` · 10^`exponent`; `nil` where it is too large or too small to be found quickly.
  @inline(__always)
  private static func rounded(_ mantissa: UInt64, _ exponent: Int) -> Double? {
    if exponent == 0 { return Double(mantissa) }
    // Both are exact doubles, so that one operation rounds correctly (Clinger, "How to Read Floating
    // Point Numbers Accurately", PLDI 1990).
    if mantissa <= 1 << 53, exponent.magnitude <= 22 {
      let power = Self.powersOfTen[Int(exponent.magnitude)]
      return exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
    }
    guard exponent.magnitude <= 19, mantissa != 0 else { return mantissa == 0 ? 0 : nil }
    return exponent < 0
      ? Self.divided(mantissa, by: Self.wholePowersOfTen[-exponent])
      : Self.multiplied(mantissa, by: Self.wholePowersOfTen[exponent])
  }

  /// The nearest double to a quotient of two whole numbers, neither 0: 63 or 64 bits of it, and
  /// whether something is left, say how it rounds.
  private static func divided(_ dividend: UInt64, by divisor: UInt64) -> Double {
    let (dividendShift, divisorShift) = (
      dividend.leadingZeroBitCount, divisor.leadingZeroBitCount
    )
    let top = dividend << dividendShift
    let bottom = divisor << divisorShift
    // Half of `top` is less than `bottom`, as the division asks for.
    let (quotient, rest) = bottom.dividingFullWidth((high: top >> 1, low: top << 63))
    let sticky: UInt64 = rest == 0 ? 0 : 1
    return Self.scaled(quotient | sticky, byPowerOfTwo: divisorShift - dividendShift - 63)
  }

  private static func multiplied(_ first: UInt64, by second: UInt64) -> Double {
    let (high, low) = first.multipliedFullWidth(by: second)
    guard high != 0 else { return Double(low) }
    let shift = high.leadingZeroBitCount
    let top = shift == 0 ? high : high << shift | low >> (64 - shift)
    let sticky: UInt64 = low << shift == 0 ? 0 : 1
    return Self.scaled(top | sticky, byPowerOfTwo: 64 - shift)
  }

  /// Exact but for the conversion of `bits`; for powers that keep far from both ends of the range.
  private static func scaled(_ bits: UInt64, byPowerOfTwo power: Int) -> Double {
    Double(bits) * Double(bitPattern: UInt64(1023 + power) << 52)
  }

  private static func exponent(
    _ bytes: UnsafeRawBufferPointer, from index: inout Int
  ) -> Int? {
    let isNegative = bytes[index] == 0x2D
    if isNegative || bytes[index] == 0x2B { index += 1 }
    let start = index
    var power = 0
    while case let digit = bytes[index] &- 0x30, digit < 10 {
      // Beyond every double, whatever the mantissa: 64 MiB of digits are less than that.
      if power < 1_000_000_000 { power = power * 10 + Int(digit) }
      index += 1
    }
    guard index > start else { return nil }
    return isNegative ? -power : power
  }

  private static func word(
    _ bytes: UnsafeRawBufferPointer, from index: inout Int, at start: Int, _ isNegative: Bool
  ) -> Double? {
    var end = start
    var letters: UInt64 = 0
    while case let letter = bytes[end] | 0x20, letter &- 0x61 < 26, end - start < 8 {
      letters = letters << 8 | UInt64(letter)
      end += 1
    }
    index = end
    switch letters {
    // `inf`, `infinity`
    case 0x69_6E66, 0x696E_6669_6E69_7479: return isNegative ? -.infinity : .infinity
    // `nan`
    case 0x6E_616E: return .nan
    default: return nil
    }
  }

  private static func fromLibrary(
    _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
  ) -> Double? {
    guard range.count <= Self.sizeMax else { return nil }
    return Double(String(decoding: bytes[range], as: UTF8.self))
  }

  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  private static let wholePowersOfTen: [UInt64] = [
    1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
    10_000_000_000, 100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000,
    1_000_000_000_000_000, 10_000_000_000_000_000, 100_000_000_000_000_000,
    1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
  ]
}
