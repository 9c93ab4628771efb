/// Names, labels and numbers as the text format 0.0.4 has them; what is no plain name as 1.0.0 quotes
/// it.
enum MetricsTextBytes {
  /// Letters, digits and underscores, the first no digit; at least one.
  static func isPlain(_ name: [UInt8], colons: Bool) -> Bool {
    guard let first = name.first, first &- 0x30 >= 10 else { return false }
    return name.allSatisfy { MetricsNameByte.isPart($0) && (colons || $0 != 0x3A) }
  }

  static func appendName(_ name: [UInt8], colons: Bool, to text: inout [UInt8]) {
    if Self.isPlain(name, colons: colons) {
      text += name
    } else {
      text.append(0x22)
      Self.appendEscaped(name, quotes: true, to: &text)
      text.append(0x22)
    }
  }

  /// - Parameter quotes: Whether quotes are escaped too: in help they are not.
  static func appendEscaped(_ bytes: [UInt8], quotes: Bool, to text: inout [UInt8]) {
    for byte in bytes {
      switch byte {
      case 0x5C: text += [0x5C, 0x5C]
      case 0x0A: text += [0x5C, 0x6E]
      case 0x22 where quotes: text += [0x5C, 0x22]
      default: text.append(byte)
      }
    }
  }

  /// `node="gpu01",service="policy"`.
  static func labels(_ labels: [MetricsMerge.Label]) -> [UInt8] {
    var text: [UInt8] = []
    for label in labels {
      if !text.isEmpty { text.append(0x2C) }
      text += Array("\(label.name)=\"".utf8)
      Self.appendEscaped(Array(label.value.utf8), quotes: true, to: &text)
      text.append(0x22)
    }
    return text
  }

  /// The shortest text that reads as the same number.
  static func append(_ value: Double, to text: inout [UInt8]) {
    if value.isNaN {
      text += Array("NaN".utf8)
    } else if value.isInfinite {
      text += Array((value < 0 ? "-Inf" : "+Inf").utf8)
    } else {
      text += Array("\(value)".utf8)
    }
  }
}
