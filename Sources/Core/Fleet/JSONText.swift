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
  package var text: String {
    var text = ""
    self.write(to: &text, indentation: nil)
    return text
  }

  /// On several lines, two blanks a level, without line feed at the end.
  package var pretty: String {
    var text = ""
    self.write(to: &text, indentation: 0)
    return text
  }

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

  private func write(to text: inout String, indentation: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): text += Self.quoted(value)
    case .array(let values):
      Self.write(values, "[", "]", to: &text, indentation) { value, text, inner in
        value.write(to: &text, indentation: inner)
      }
    case .object(let members):
      Self.write(members, "{", "}", to: &text, indentation) { member, text, inner in
        text += Self.quoted(member.key) + (inner == nil ? ":" : ": ")
        member.value.write(to: &text, indentation: inner)
      }
    }
  }

  /// Writes elements between brackets; a level deeper, a line each, where there is indentation.
  private static func write<Element>(
    _ elements: [Element], _ open: String, _ close: String, to text: inout String,
    _ indentation: Int?, element write: (Element, inout String, Int?) -> Void
  ) {
    text += open
    let inner = elements.isEmpty ? nil : indentation.map { $0 + 2 }
    for (index, element) in elements.enumerated() {
      if index > 0 { text += "," }
      if let inner { text += "\n" + String(repeating: " ", count: inner) }
      write(element, &text, inner)
    }
    if let indentation, inner != nil { text += "\n" + String(repeating: " ", count: indentation) }
    text += close
  }
}
