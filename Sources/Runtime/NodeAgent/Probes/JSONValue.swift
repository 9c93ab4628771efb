import FoundationEssentials

/// A JSON text, as far as a probe needs of an answer.
enum JSONValue: Decodable, Equatable, Sendable {
  case null
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])
  /// A number or a truth value, which nobody asks for; what is nested deeper than ``depthMax``.
  case other

  private static let depthMax = 64

  /// `nil` where the bytes are not one JSON text; what is no UTF-8 in them is mended.
  init?(parsing bytes: [UInt8]) {
    let text = Data(String(decoding: bytes, as: UTF8.self).utf8)
    guard let value = try? JSONDecoder().decode(Self.self, from: text) else { return nil }
    self = value
  }

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let string = try Self.matching({ try value.decode(String.self) }) {
      self = .string(string)
    } else if decoder.codingPath.count >= Self.depthMax {
      self = .other
    } else if let members = try Self.matching({ try value.decode([String: JSONValue].self) }) {
      self = .object(members)
    } else {
      let elements = try Self.matching { try value.decode([JSONValue].self) }
      self = elements.map { .array($0) } ?? .other
    }
  }

  /// `nil` for a value of another type.
  private static func matching<Value>(_ decode: () throws -> Value) throws -> Value? {
    do { return try decode() } catch DecodingError.typeMismatch { return nil }
  }

  /// A member of an object; `nil` for anything else.
  subscript(name: String) -> JSONValue? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  /// The elements of an array; none for anything else.
  var elements: [JSONValue] {
    if case .array(let elements) = self { elements } else { [] }
  }

  var string: String? {
    if case .string(let string) = self { string } else { nil }
  }
}
