import Fleet

/// Reads `nodes:`.
enum NodesReader {
  /// One coordinator, one TCP connection a node; more belong in several runs.
  static let maximumCount = 4096

  static func read(
    _ value: ManifestValue, ssh: SSHOverrides, pathFolder: String, before: [ManifestNode],
    faults: inout ManifestFaults
  ) -> [ManifestNode] {
    let items: [ManifestValue]
    if case .list(let list) = value.content { items = list } else { items = [value] }
    var places: [NodeName: SourceLocation] = [:]
    for node in before { places[node.name] = node.location }
    var nodes: [ManifestNode] = []
    for item in items {
      for node in Self.entry(item, ssh: ssh, pathFolder: pathFolder, faults: &faults) {
        if let first = places.updateValue(node.location, forKey: node.name) {
          faults.error(
            "duplicate-host", "host `\(node.name)` stands twice", at: node.location,
            causes: ["it stands at \(first) too"], hint: "keep one of them")
        } else if nodes.count + before.count < Self.maximumCount {
          nodes.append(node)
        } else {
          faults.error(
            "too-many-nodes", "manifest has more than \(Self.maximumCount) nodes",
            at: item.location)
          return nodes
        }
      }
    }
    return nodes
  }

  private static func entry(
    _ value: ManifestValue, ssh: SSHOverrides, pathFolder: String, faults: inout ManifestFaults
  ) -> [ManifestNode] {
    guard case .mapping = value.content else {
      guard let text = MappingReader.text(value, of: "an entry of `nodes`", faults: &faults) else {
        return []
      }
      return Self.hosts(text, at: value.location, faults: &faults).map {
        ManifestNode(
          name: $0, link: .ssh(ssh.settings(host: ssh.host ?? $0.rawValue)), labels: [:],
          location: value.location)
      }
    }
    var reader = MappingReader(value, subject: "an entry of `nodes`", faults: &faults)
    let hosts = reader.value("hosts")
    let names =
      hosts.flatMap { hosts in
        MappingReader.text(hosts, of: "`hosts`", faults: &faults).map {
          Self.hosts($0, at: hosts.location, faults: &faults)
        }
      } ?? []
    if hosts == nil {
      faults.error(
        "no-hosts", "an entry of `nodes` names no `hosts`", at: value.location,
        hint: "write `hosts: gpu[01-08]`")
    }
    var merged = ssh
    if let own = reader.value("ssh") {
      merged = ssh.merged(
        with: SSHOverrides.read(own, pathFolder: pathFolder, faults: &faults))
    }
    let address = reader.value("address")
    let pattern =
      address.flatMap { MappingReader.text($0, of: "`address`", faults: &faults) } ?? merged.host
    if names.count > 1, let pattern, !pattern.contains("{node}") {
      faults.error(
        "one-address", "`\(names.count)` hosts share the address `\(pattern)`",
        at: address?.location ?? value.location,
        hint: "write `{node}` where the host's name belongs, or one entry for each host")
    }
    let link = reader.value("link")
    let labels = Self.labels(&reader, faults: &faults)
    reader.finish(faults: &faults)
    return names.map { name in
      let host = pattern.map { Self.replace("{node}", by: name.rawValue, in: $0) }
      return ManifestNode(
        name: name,
        link: Self.link(link, settings: merged.settings(host: host ?? name.rawValue), &faults),
        labels: labels, location: hosts?.location ?? value.location)
    }
  }

  private static func hosts(
    _ text: String, at location: SourceLocation, faults: inout ManifestFaults
  ) -> [NodeName] {
    switch NodeSetParsing.names(text, groups: { _ in nil }) {
    case .success(let names):
      for name in names where !ManifestReader.isName(name.rawValue) {
        faults.error(
          "wrong-name", "host `\(name.rawValue.prefix(80))` is no node's name", at: location,
          hint: "write letters, digits, `-`, `_` and `.`, at most 64; addresses go to `address`")
      }
      return names
    case .failure(let fault):
      faults.error(
        "wrong-node-set", "`\(text.prefix(80))` is no node set: \(fault.text)", at: location,
        hint: fault.hint ?? "`muster nodes EXPR` shows what an expression means")
      return []
    }
  }

  private static func link(
    _ value: ManifestValue?, settings: ManifestSSH, _ faults: inout ManifestFaults
  ) -> ManifestNode.Link {
    guard let value else { return .ssh(settings) }
    switch value.content {
    case .scalar("ssh", _): return .ssh(settings)
    case .scalar("local", _): return .local
    case .mapping:
      var reader = MappingReader(value, subject: "`link`", faults: &faults)
      let argv = reader.texts("command", faults: &faults) ?? []
      if argv.isEmpty {
        faults.error("no-command", "`link` names no `command`", at: value.location)
      }
      reader.finish(faults: &faults)
      return .command(argv)
    case .scalar, .list:
      faults.error(
        "unknown-choice", "`link` is \(value.spoken)", at: value.location,
        hint: "write `ssh`, `local` or `{command: [argv]}`")
      return .ssh(settings)
    }
  }

  private static func labels(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> [String: String] {
    var labels: [String: String] = [:]
    for entry in reader.entries("labels", faults: &faults) {
      labels[entry.key] = MappingReader.text(
        entry.value, of: "label `\(entry.key)`", faults: &faults)
    }
    return labels
  }

  static func replace(_ mark: String, by text: String, in pattern: String) -> String {
    pattern.split(separator: mark, omittingEmptySubsequences: false).joined(separator: text)
  }
}
