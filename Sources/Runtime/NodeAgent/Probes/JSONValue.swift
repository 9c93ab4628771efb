/// A JSON text, parsed leniently: what a probe needs of an answer, without Foundation.
///
/// Source: RFC 8259. More lenient than that in what numbers look like, since none is used; nothing may
/// be nested deeper than ``depthMax``.
enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  /// As it is written.
  case number(String)
  case string(String)
  case array([JSONValue])
  /// The last of several members of one name.
  case object([String: JSONValue])

  static let depthMax = 64

  /// `nil` where the bytes are not one JSON text.
  init?(parsing bytes: [UInt8]) {
    var parser = JSONParser(bytes)
    guard let value = parser.document() else { return nil }
    self = value
  }

  /// A member of an object; `nil` for anything else.
  subscript(name: String) -> JSONValue? {
    if case .object(let members) = self { return members[name] }
    return nil
  }

  /// The elements of an array; none for anything else.
  var elements: [JSONValue] {
    if case .array(let elements) = self { return elements }
    return []
  }

  var string: String? {
    if case .string(let string) = self { return string }
    return nil
  }
}
