/// Replaces `{node}` and the like in a text of the manifest.
///
/// `{{` and `}}` around a name stand for single braces; braces around anything but a name (JSON,
/// `${HOME}`) stay as they are. A name is of lower-case letters and `_`; `head.`, the name of a role and
/// `endpoints.` are followed by another, of a field and of a service.
package struct Placeholders: Sendable {
  /// Name and value, in the order they are listed in messages.
  package let values: [(name: String, value: String)]

  /// - Parameter peers: Of others than the replica itself.
  package init(
    node: String, address: String, rank: Int, index: Int, port: Int?,
    peers: [(name: String, value: String)] = []
  ) {
    self.values =
      [("node", node), ("address", address), ("rank", "\(rank)"), ("index", "\(index)")]
      + (port.map { [("port", "\($0)")] } ?? []) + peers
  }

  /// What is said of the first replica of a role.
  private static let fields: Set<Substring> = ["node", "address", "port"]

  /// The name that a text begins with; empty: none.
  private static func name(_ text: Substring) -> Substring {
    let first = text.prefix { $0 >= "a" && $0 <= "z" || $0 == "_" }
    guard !first.isEmpty, text[first.endIndex...].hasPrefix(".") else { return first }
    let rest = text[first.endIndex...].prefix {
      $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "." || $0 == "-" || $0 == "_"
    }
    guard first == "head" || first == "endpoints" || Self.fields.contains(rest.dropFirst()) else {
      return first
    }
    return text[..<rest.endIndex]
  }

  /// - Throws: `UnknownPlaceholder` for a name that has no value here.
  package func expand(_ text: String) throws(UnknownPlaceholder) -> String {
    guard text.utf8.contains(UInt8(ascii: "{")) else { return text }
    var result = ""
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      let before = rest[..<open]
      let inner = rest[rest.index(after: open)...]
      let name = Self.name(inner)
      let after = inner[name.endIndex...]
      result += before
      if inner.hasPrefix("{") {
        let quoted = Self.name(inner.dropFirst())
        let tail = inner[quoted.endIndex...]
        if !quoted.isEmpty, tail.hasPrefix("}}") {
          result += "{\(quoted)}"
          rest = tail.dropFirst(2)
        } else {
          result += "{"
          rest = inner
        }
      } else if name.isEmpty || !after.hasPrefix("}") || before.hasSuffix("$") {
        result += "{"
        rest = inner
      } else if let value = self.values.first(where: { $0.name == name })?.value {
        result += value
        rest = after.dropFirst()
      } else {
        throw UnknownPlaceholder(name: String(name), known: self.values.map(\.name))
      }
    }
    return result + rest
  }
}

package struct UnknownPlaceholder: Error, Equatable {
  package let name: String
  /// Those that have a value there.
  package let known: [String]
}
