import FoundationEssentials

/// Any JSON text that somebody else wrote.
package enum JSONValue: Decodable, Equatable, Sendable {
  case null
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])
  /// A number or a truth value, as it is told; empty: what is nested deeper than ``depthMax``.
  case other(String)

  private static let depthMax = 64

  /// `nil` where the bytes are not one JSON text; what is no UTF-8 in them is mended.
  package init?(parsing bytes: [UInt8]) {
    let text = Data(String(decoding: bytes, as: UTF8.self).utf8)
    guard let value = try? JSONDecoder().decode(Self.self, from: text) else { return nil }
    self = value
  }

  package init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let string = try Self.matching({ try value.decode(String.self) }) {
      self = .string(string)
    } else if decoder.codingPath.count >= Self.depthMax {
      self = .other("")
    } else if let members = try Self.matching({ try value.decode([String: JSONValue].self) }) {
      self = .object(members)
    } else {
      self =
        try Self.matching { try value.decode([JSONValue].self) }.map { .array($0) }
        ?? .other(Self.scalar(in: value))
    }
  }

  private static func scalar(in value: any SingleValueDecodingContainer) -> String {
    if let truth = try? value.decode(Bool.self) { return "\(truth)" }
    if let number = try? value.decode(Int64.self) { return "\(number)" }
    if let number = try? value.decode(UInt64.self) { return "\(number)" }
    return (try? value.decode(Double.self)).map { "\($0)" } ?? ""
  }

  /// `nil` for a value of another type.
  private static func matching<Value>(_ decode: () throws -> Value) throws -> Value? {
    do { return try decode() } catch DecodingError.typeMismatch { return nil }
  }

  /// A member of an object; `nil` for anything else.
  package subscript(name: String) -> JSONValue? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  /// The elements of an array; none for anything else.
  package var elements: [JSONValue] {
    if case .array(let elements) = self { elements } else { [] }
  }

  package var string: String? {
    if case .string(let string) = self { string } else { nil }
  }
}
