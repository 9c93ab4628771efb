import Fleet

/// Node set expressions of services, groups and work, resolved to nodes that exist.
struct NodeResolver {
  let nodes: [NodeName]
  private var groups: [String: [NodeName]] = [:]

  /// Resolves the groups, which may name each other; a cycle and an unknown name are faults.
  init(
    nodes: [NodeName], groups: [(name: String, value: ManifestValue)],
    faults: inout ManifestFaults
  ) {
    self.nodes = nodes
    var rest = groups
    while let index = rest.firstIndex(where: { group in
      Self.references(of: group.value).allSatisfy { name in !rest.contains { $0.name == name } }
    }) {
      let group = rest.remove(at: index)
      let names = self.resolve(group.value, of: "group `\(group.name)`", faults: &faults)
      self.groups[group.name] = names ?? []
    }
    for group in rest {
      self.groups[group.name] = []
      faults.error(
        "group-cycle", "group `\(group.name)` is part of a cycle", at: group.value.location,
        hint: "a group names nodes or groups that do not name it")
    }
  }

  /// The nodes of an expression, each once, in the order of node sets; `nil` after a fault.
  func resolve(
    _ value: ManifestValue, of subject: String, faults: inout ManifestFaults
  ) -> [NodeName]? {
    guard let text = value.text(of: subject, faults: &faults) else { return nil }
    for name in Self.references(of: value) where self.groups[name] == nil {
      let known = self.groups.keys.sorted()
      let hint =
        Nearest.name(to: name, in: known).map { "write `@\($0)`" }
        ?? (known.isEmpty
          ? "name it under `groups:`"
          : "groups: \(known.map { "`@\($0)`" }.joined(separator: ", "))")
      faults.error(
        "unknown-group", "\(subject) names an unknown group `@\(name)`", at: value.location,
        hint: hint)
      return nil
    }
    let found = faults.names(in: text, at: value.location) { self.groups[$0] }
    guard let found else { return nil }
    let known = Set(self.nodes)
    let unknown = NodeSet(found.filter { !known.contains($0) })
    guard unknown.isEmpty else {
      faults.error(
        "unknown-node", "\(subject) names `\(unknown.folded)`, not in `nodes`",
        at: value.location, hint: "nodes: \(NodeSet(self.nodes).folded)")
      return nil
    }
    return found
  }

  /// As ``resolve(_:of:faults:)``, of a key `on`, which names some: all nodes where it is absent, none
  /// after a fault.
  func nodes(on value: ManifestValue?, faults: inout ManifestFaults) -> [NodeName] {
    guard let value else { return self.nodes }
    let found = self.resolve(value, of: "`on`", faults: &faults)
    if found?.isEmpty == true {
      faults.error("no-nodes", "`on` is empty: \(value.spoken)", at: value.location)
    }
    return found ?? []
  }

  /// The names behind `@` in an expression.
  private static func references(of value: ManifestValue) -> [String] {
    guard case .scalar(let text, _) = value.content else { return [] }
    return text.split(separator: "@", omittingEmptySubsequences: false).dropFirst().map { rest in
      String(rest.prefix { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == "." })
    }
  }
}

extension ManifestFaults {
  /// The nodes of a node set expression, each once, in the order of node sets; `nil` after a fault.
  mutating func names(
    in text: String, at location: SourceLocation, groups: (String) -> [NodeName]? = { _ in nil }
  ) -> [NodeName]? {
    do {
      return try NodeSet(parsing: text) { groups($0).map { NodeSet($0) } }.names
    } catch {
      self.error(
        "wrong-node-set", "`\(text.prefix(80))` is no node set: \(error.summary)", at: location,
        hint: error.hint ?? "`muster nodes EXPR` shows what an expression means")
      return nil
    }
  }
}
