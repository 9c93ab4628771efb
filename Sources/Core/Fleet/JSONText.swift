/// A small JSON value that is written with its keys in the order given.
package indirect enum JSONText: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  /// Written as `null` where it is not finite, as JSON has no such numbers.
  case number(Double)
  case string(String)
  case array([JSONText])
  /// Keys without duplicates, in the order in which they are written.
  case object([Member])

  package struct Member: Equatable, Sendable {
    package var key: String
    package var value: JSONText

    package init(_ key: String, _ value: JSONText) {
      self.key = key
      self.value = value
    }
  }

  /// An object from pairs, in their order.
  package static func object(_ pairs: [(String, JSONText)]) -> JSONText {
    .object(pairs.map { Member($0.0, $0.1) })
  }

  /// `null` where there is none; so the others.
  package init(_ number: Double?) { self = number.map { .number($0) } ?? .null }
  package init(_ number: Int?) { self = number.map { .integer($0) } ?? .null }
  package init(_ text: String?) { self = text.map { .string($0) } ?? .null }

  /// On one line, without blanks and without line feed.
  package var text: String { self.text(indentation: nil) }

  /// On several lines, two blanks a level, without line feed at the end.
  package var pretty: String { self.text(indentation: 0) }

  /// `text` in quotation marks. Source: RFC 8259, section 7; what is not ASCII stays as it is.
  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\0"..."\u{1F}", "\u{7F}":
        result += "\\u" + scalar.value.digits(4, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private func text(indentation: Int?) -> String {
    let inner = indentation.map { $0 + 2 }
    switch self {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .integer(let value): return String(value)
    case .number(let value): return value.isFinite ? "\(value)" : "null"
    case .string(let value): return Self.quoted(value)
    case .array(let values):
      return "[\(Self.list(values.map { $0.text(indentation: inner) }, indentation))]"
    case .object(let members):
      let colon = indentation == nil ? ":" : ": "
      let texts = members.map { Self.quoted($0.key) + colon + $0.value.text(indentation: inner) }
      return "{\(Self.list(texts, indentation))}"
    }
  }

  /// What stands between brackets: a level deeper, a line each, where there is indentation.
  private static func list(_ elements: [String], _ indentation: Int?) -> String {
    guard let indentation, !elements.isEmpty else { return elements.joined(separator: ",") }
    let line = "\n" + String(repeating: " ", count: indentation)
    return elements.map { "\(line)  \($0)" }.joined(separator: ",") + line
  }
}
