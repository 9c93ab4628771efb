import Fleet

/// The keys of an entry of `nodes:`.
enum NodeEntryKeys {
  enum Link: String, CaseIterable, Sendable { case ssh, local }

  static let hosts = ManifestKey(
    required: "hosts", .nodeSet, hint: "write `hosts: gpu[01-08]`", "The nodes")
  static let link = ManifestKey(
    "link",
    .value(.either([.words(Link.allCases.map(\.rawValue)), .mapping(linkTable)])), without: "`ssh`",
    "How they are reached")
  static let command = ManifestKey(
    required: "command", .list(of: .text),
    "Program and arguments that lead to a shell's standard input on the node")
  static let linkTable = ManifestTable("`link`", command)
  static let address = ManifestKey(
    "address", .text(like: .any("address")), without: "the node's name",
    "Where to connect; `{node}` is the node's name")
  static let ssh = ManifestKey(
    "ssh", .value(.mapping(SSHKeys.table)), "Overrides the manifest's, key by key")
  static let labels = ManifestKey(
    "labels", .names(.any(), to: .text(.any())), default: [], "Words of your own")
  static let table = ManifestTable(
    "an entry of `nodes`", title: "An entry of `nodes`", hosts, link, address, ssh, labels)
}

/// Reads `nodes:`.
enum NodesReader {
  /// One coordinator, one TCP connection a node; more belong in several runs.
  static let maximumCount = 4096

  static func read(
    _ value: ManifestValue, ssh: SSHOverrides, pathFolder: String, before: [ManifestNode],
    faults: inout ManifestFaults
  ) -> [ManifestNode] {
    var places: [NodeName: SourceLocation] = [:]
    for node in before { places[node.name] = node.location }
    var nodes: [ManifestNode] = []
    for item in value.items {
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
    var reader = MappingReader(value, NodeEntryKeys.table, faults: &faults)
    let hosts = reader.read(NodeEntryKeys.hosts, faults: &faults)
    let names =
      hosts.flatMap { hosts in
        MappingReader.text(hosts, of: "`hosts`", faults: &faults).map {
          Self.hosts($0, at: hosts.location, faults: &faults)
        }
      } ?? []
    var merged = ssh
    if let own = reader.value(NodeEntryKeys.ssh) {
      merged = ssh.merged(
        with: SSHOverrides.read(own, pathFolder: pathFolder, faults: &faults))
    }
    let address = reader.value(NodeEntryKeys.address)
    let pattern = reader.read(NodeEntryKeys.address, faults: &faults) ?? merged.host
    if names.count > 1, let pattern, !pattern.contains("{node}") {
      faults.error(
        "one-address", "`\(names.count)` hosts share the address `\(pattern)`",
        at: address?.location ?? value.location,
        hint: "write `{node}` where the host's name belongs, or one entry for each host")
    }
    let link = reader.value(NodeEntryKeys.link)
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
      for name in names where !FolderName.isGivenName(name.rawValue) {
        faults.error(
          "wrong-name", "host `\(name.rawValue.prefix(80))` is no node's name", at: location,
          hint: "\(FolderName.hint); addresses go to `address`")
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
    case .mapping:
      var reader = MappingReader(value, NodeEntryKeys.linkTable, faults: &faults)
      let argv = reader.read(NodeEntryKeys.command, faults: &faults) ?? []
      if argv.isEmpty {
        faults.error("no-command", "`link` names no `command`", at: value.location)
      }
      reader.finish(faults: &faults)
      return .command(argv)
    case .scalar(let text, _):
      switch NodeEntryKeys.Link(rawValue: text) {
      case .ssh: return .ssh(settings)
      case .local: return .local
      case nil: break
      }
    case .list: break
    }
    faults.error(
      "unknown-choice", "`link` is \(value.spoken)", at: value.location,
      hint: "write `ssh`, `local` or `{command: [argv]}`")
    return .ssh(settings)
  }

  private static func labels(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> [String: String] {
    var labels: [String: String] = [:]
    for entry in reader.read(NodeEntryKeys.labels, faults: &faults) {
      labels[entry.key] = MappingReader.text(
        entry.value, of: "label `\(entry.key)`", faults: &faults)
    }
    return labels
  }

  static func replace(_ mark: String, by text: String, in pattern: String) -> String {
    pattern.split(separator: mark, omittingEmptySubsequences: false).joined(separator: text)
  }
}
