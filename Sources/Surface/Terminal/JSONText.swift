/// A piece of JSON with its keys in the order given, for small outputs.
package struct JSONText: Sendable {
  /// Compact.
  package let text: String

  package static func string(_ value: String) -> JSONText {
    var text = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return JSONText(text: text + "\"")
  }

  package static func integer(_ value: Int) -> JSONText { JSONText(text: "\(value)") }

  package static func bool(_ value: Bool) -> JSONText { JSONText(text: value ? "true" : "false") }

  package static func array(_ values: [JSONText]) -> JSONText {
    JSONText(text: "[" + values.map(\.text).joined(separator: ",") + "]")
  }

  /// - Parameter pairs: Keys and values; a key stands once.
  package static func object(_ pairs: [(String, JSONText)]) -> JSONText {
    let members = pairs.map { Self.string($0.0).text + ":" + $0.1.text }
    return JSONText(text: "{" + members.joined(separator: ",") + "}")
  }
}
