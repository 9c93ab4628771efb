import Fleet

/// Node set expressions of services, groups and work, resolved to nodes that exist.
struct NodeResolver {
  let nodes: [NodeName]
  private(set) var groups: [ManifestGroup] = []

  /// Resolves the groups, which may name each other; a cycle and an unknown name are faults.
  init(
    nodes: [NodeName], groups: [(name: String, value: ManifestValue)],
    faults: inout ManifestFaults
  ) {
    self.nodes = nodes
    var rest = groups
    while !rest.isEmpty {
      let ready = rest.filter { group in
        Self.references(of: group.value).allSatisfy { name in
          !rest.contains { $0.name == name }
        }
      }
      guard !ready.isEmpty else {
        for group in rest {
          faults.error(
            "group-cycle", "group `\(group.name)` is part of a cycle", at: group.value.location,
            hint: "a group names nodes or groups that do not name it")
        }
        self.groups += rest.map { ManifestGroup(name: $0.name, nodes: []) }
        break
      }
      for group in ready {
        let names = self.resolve(group.value, of: "group `\(group.name)`", faults: &faults) ?? []
        self.groups.append(ManifestGroup(name: group.name, nodes: names))
      }
      rest.removeAll { group in ready.contains { $0.name == group.name } }
    }
    self.groups.sort { $0.name < $1.name }
  }

  /// The nodes of an expression, each once, in the order of node sets; `nil` after a fault.
  func resolve(
    _ value: ManifestValue, of subject: String, faults: inout ManifestFaults
  ) -> [NodeName]? {
    guard let text = MappingReader.text(value, of: subject, faults: &faults) else { return nil }
    for name in Self.references(of: value) where !self.groups.contains(where: { $0.name == name }) {
      let known = self.groups.map(\.name)
      let hint =
        Nearest.name(to: name, in: known).map { "write `@\($0)`" }
        ?? (known.isEmpty
          ? "name it under `groups:`"
          : "groups: \(known.sorted().map { "`@\($0)`" }.joined(separator: ", "))")
      faults.error(
        "unknown-group", "\(subject) names an unknown group `@\(name)`", at: value.location,
        hint: hint)
      return nil
    }
    let result = NodeSetParsing.names(text) { name in
      self.groups.first { $0.name == name }?.nodes
    }
    switch result {
    case .failure(let fault):
      faults.error(
        "wrong-node-set", "`\(text.prefix(80))` is no node set: \(fault.text)", at: value.location,
        hint: fault.hint ?? "`muster nodes EXPR` shows what an expression means")
      return nil
    case .success(let names):
      let known = Set(self.nodes)
      let unknown = NodeSet(names.filter { !known.contains($0) })
      if !unknown.names.isEmpty {
        faults.error(
          "unknown-node", "\(subject) names `\(unknown.folded)`, not in `nodes`",
          at: value.location,
          hint: "nodes: \(NodeSet(self.nodes).folded)")
        return nil
      }
      return NodeSet(names).names
    }
  }

  /// The names behind `@` in an expression.
  private static func references(of value: ManifestValue) -> [String] {
    guard case .scalar(let text, _) = value.content else { return [] }
    return text.split(separator: "@", omittingEmptySubsequences: false).dropFirst().map { rest in
      String(rest.prefix { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == "." })
    }
  }
}
