import Fleet

/// The one call of the node set grammar from the manifest.
enum NodeSetParsing {
  /// The names of `text` in its own order, or what is wrong with it.
  static func names(
    _ text: String, groups: (String) -> [NodeName]?
  ) -> Result<[NodeName], NodeSetFault> {
    var names: [NodeName] = []
    for part in Self.parts(of: text) {
      if part.hasPrefix("@") {
        guard let group = groups(String(part.dropFirst())) else {
          return .failure(NodeSetFault("unknown group `\(part)`"))
        }
        names += group
        continue
      }
      guard let open = part.firstIndex(of: "["), part.hasSuffix("]") else {
        guard !part.isEmpty else { return .failure(NodeSetFault("a name is empty")) }
        names.append(NodeName(part))
        continue
      }
      let prefix = part[..<open]
      for range in part[part.index(after: open)...].dropLast().split(separator: ",") {
        let ends = range.split(separator: "-")
        guard let first = ends.first, let last = ends.last, let low = Int(first),
          let high = Int(last), low <= high, high - low < 4096
        else { return .failure(NodeSetFault("`\(range)` is no range")) }
        for number in low...high {
          let digits = String(number)
          let padding = String(repeating: "0", count: max(0, first.count - digits.count))
          names.append(NodeName("\(prefix)\(padding)\(digits)"))
        }
      }
    }
    return .success(names)
  }

  private static func parts(of text: String) -> [String] {
    var parts = [""]
    var depth = 0
    for character in text where character != " " {
      if character == "[" { depth += 1 }
      if character == "]" { depth -= 1 }
      if character == ",", depth == 0 {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts
  }
}

/// What is wrong with a node set.
struct NodeSetFault: Error {
  let text: String

  init(_ text: String) { self.text = text }
}
