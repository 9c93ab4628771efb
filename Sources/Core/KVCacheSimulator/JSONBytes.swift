/// Compact JSON, written as bytes into storage that is used again: no `String` on the way. A `text`,
/// such as what stands before a value, is ASCII that needs no escapes.
extension [UInt8] {
  @inline(__always)
  mutating func append(text: StaticString) {
    self.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(_ text: StaticString = "", decimal value: UInt64) {
    self.append(text: text)
    let start = self.count
    var rest = value
    repeat {
      self.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    var (low, high) = (start, self.count &- 1)
    while low < high {
      self.swapAt(low, high)
      low &+= 1
      high &-= 1
    }
  }

  mutating func append(_ text: StaticString = "", decimal value: Int) {
    self.append(text: text)
    self.append(value < 0 ? "-" : "", decimal: UInt64(value.magnitude))
  }

  /// Appends a name of ours in quotes.
  mutating func append(_ text: StaticString, name: String) {
    self.append(text: text)
    self.append(UInt8(ascii: "\""))
    self.append(contentsOf: name.utf8)
    self.append(UInt8(ascii: "\""))
  }

  /// Appends `value`, at least 0 and below 10^15, with three decimals: floor(value * 1000 + 0.5)
  /// thousandths (simulator.md §7).
  mutating func append(_ text: StaticString = "", fraction value: Double) {
    let thousandths = UInt64((value * 1000 + 0.5).rounded(.down))
    self.append(text, decimal: thousandths / 1000)
    self.append(UInt8(ascii: "."))
    self.append(threeDigits: thousandths % 1000)
  }

  /// Appends a finite double as the shortest decimal that reads back to the same bits, in the form
  /// of `Double.description` (`0.3`, `1e-05`, `-0.0`).
  mutating func append(_ text: StaticString = "", shortest value: Double) {
    self.append(text: text)
    if self.appendAsThousandths(value) { return }
    var sink = ByteSink(bytes: [])
    swap(&sink.bytes, &self)
    value.write(to: &sink)
    swap(&sink.bytes, &self)
  }

  /// Whole thousandths below 10^9 need no search: a decimal of at most 15 digits that reads as
  /// `value` is the only one that short, and so, without its trailing zeros, the shortest.
  private mutating func appendAsThousandths(_ value: Double) -> Bool {
    let size = value.magnitude
    guard size < 1e9 else { return false }
    let thousandths = (size * 1000).rounded()
    guard thousandths / 1000 == size else { return false }
    let digits = UInt64(thousandths)
    self.append(value.sign == .minus ? "-" : "", decimal: digits / 1000)
    self.append(UInt8(ascii: "."))
    let decimals = digits % 1000
    if decimals % 100 == 0 {
      self.append(decimal: decimals / 100)
    } else {
      self.append(threeDigits: decimals)
      if decimals % 10 == 0 { self.removeLast() }
    }
    return true
  }

  private mutating func append(threeDigits value: UInt64) {
    self.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 100))
    self.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10 % 10))
    self.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10))
  }
}

/// Takes what the standard library prints.
private struct ByteSink: TextOutputStream {
  var bytes: [UInt8]

  mutating func write(_ string: String) {
    self.bytes.append(contentsOf: string.utf8)
  }

  // The standard library prints numbers through this requirement, which spares the `String`.
  mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
    self.bytes.append(contentsOf: buffer)
  }
}
