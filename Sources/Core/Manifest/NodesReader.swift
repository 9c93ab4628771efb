import Fleet

/// An entry of `nodes:`; a node set alone is one that says nothing else.
struct NodeEntry: Sendable {
  var hosts: ManifestValue?
  /// Without its settings where it is one of SSH.
  var link = LinkSpecification.ssh(SSHSpecification())
  var address: String?
  /// Over those around it, key by key.
  var ssh: ManifestValue?
  var labels: [ManifestVariable] = []

  static let mapping = ManifestMapping<Self>(
    Self(), "an entry of `nodes`", title: "An entry of `nodes`",
    [
      .required(
        "hosts", \.hosts, ManifestType.nodeSet.optional, hint: "write `hosts: gpu[01-08]`",
        "The nodes"),
      .optional("link", \.link, linkType, without: "`ssh`", "How they are reached"),
      .optional(
        "address", \.address, .address, without: "the node's name",
        "Where to connect; `{node}` is the node's name"),
      .optional(
        "ssh", \.ssh, .value(.mapping(SSHSpecification.mapping.table)),
        "Overrides the manifest's, key by key"),
      .defaulted(
        "labels", \.labels,
        .names(.any(), to: .text(.any())) { entry, faults in
          entry.value.text(of: "label `\(entry.key)`", faults: &faults).map {
            ManifestVariable(name: entry.key, value: $0, location: entry.value.location)
          }
        }, "Words of your own"),
    ])

  private static let command = ManifestMapping<[String]>(
    [], "`link`",
    [
      .required(
        "command", \.self, .argv,
        "Program and arguments that lead to a shell's standard input on the node")
    ])

  private static let linkType = ManifestType<LinkSpecification>(
    .either([.words(["ssh", "local"]), .mapping(command.table)])
  ) { value, _, faults in
    switch value.content {
    case .mapping:
      let argv = Self.command.read(value, faults: &faults).root
      if argv.isEmpty {
        faults.error("no-command", "`link` names no `command`", at: value.location)
      }
      return .command(argv: argv)
    case .scalar("ssh", _): return .ssh(SSHSpecification())
    case .scalar("local", _): return .local
    case .scalar, .list:
      faults.error(
        "unknown-choice", "`link` is \(value.spoken)", at: value.location,
        hint: "write `ssh`, `local` or `{command: [argv]}`")
      return nil
    }
  }
}

/// Reads `nodes:`.
enum NodesReader {
  /// One coordinator, one TCP connection a node; more belong in several runs.
  static let maximumCount = 4096

  static func read(
    _ value: ManifestValue, ssh: SSHSpecification, pathFolder: String, before: [ManifestNode],
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
    _ value: ManifestValue, ssh: SSHSpecification, pathFolder: String,
    faults: inout ManifestFaults
  ) -> [ManifestNode] {
    guard case .mapping = value.content else {
      return Self.hosts(value, of: "an entry of `nodes`", faults: &faults).map {
        Self.node($0, NodeEntry(), ssh, at: value.location)
      }
    }
    let reading = NodeEntry.mapping.read(value, faults: &faults)
    let entry = reading.root
    let names = entry.hosts.map { Self.hosts($0, of: "`hosts`", faults: &faults) } ?? []
    var ssh = ssh
    if let own = entry.ssh {
      ssh = .read(own, onto: ssh, pathFolder: pathFolder, faults: &faults)
    }
    if let address = entry.address { ssh.host = address }
    if names.count > 1, !ssh.host.isEmpty, !ssh.host.contains("{node}") {
      faults.error(
        "one-address", "`\(names.count)` hosts share the address `\(ssh.host)`",
        at: reading.place(of: \.address) ?? value.location,
        hint: "write `{node}` where the host's name belongs, or one entry for each host")
    }
    return names.map { Self.node($0, entry, ssh, at: entry.hosts?.location ?? value.location) }
  }

  private static func node(
    _ name: NodeName, _ entry: NodeEntry, _ ssh: SSHSpecification, at location: SourceLocation
  ) -> ManifestNode {
    var (ssh, link) = (ssh, entry.link)
    ssh.host = ssh.host.isEmpty ? name.rawValue : ssh.host.replacing("{node}", with: name.rawValue)
    if case .ssh = link { link = .ssh(ssh) }
    let labels = entry.labels.map { ($0.name, $0.value) }
    return ManifestNode(
      name: name, link: link, labels: Dictionary(labels) { $1 }, location: location)
  }

  private static func hosts(
    _ value: ManifestValue, of subject: String, faults: inout ManifestFaults
  ) -> [NodeName] {
    guard let text = value.text(of: subject, faults: &faults) else { return [] }
    let hasUser = text.split(separator: "@", omittingEmptySubsequences: false).dropLast()
      .contains { $0.last.map { $0.isLetter || $0.isNumber } == true }
    guard !hasUser, !text.contains(":") else {
      faults.error(
        "wrong-name", "host `\(text.prefix(80))` is no node's name", at: value.location,
        hint: "write a name, and beside it where it is: "
          + "`{hosts: gpu01, address: \"2001:db8::1\", ssh: {port: 22, user: me}}`")
      return []
    }
    let names = faults.names(in: text, at: value.location)
    for name in names ?? [] where !FolderName.isGivenName(name.rawValue) {
      faults.error(
        "wrong-name", "host `\(name.rawValue.prefix(80))` is no node's name", at: value.location,
        hint: "\(FolderName.hint); addresses go to `address`")
    }
    return names ?? []
  }
}

extension SSHSpecification {
  /// The keys of `ssh:`, of the manifest and of an entry of `nodes`.
  static let mapping = ManifestMapping<Self>(
    Self(), "`ssh`", title: "`ssh`",
    [
      .optional("user", \.user, .text, without: "who runs `muster`", "The login"),
      .defaulted("port", \.port, .integer(1...65535), "The TCP port"),
      .optional(
        "identity", \.identityFiles, .list(of: .text(like: .any("path"))),
        without: "the usual ones under `~/.ssh`", "Files of keys"),
      .optional(
        "known_hosts", \.knownHostsFiles, .list(of: .text(like: .any("path"))),
        without: "`~/.ssh/known_hosts`",
        "Files of hosts' keys; `/etc/ssh/ssh_known_hosts` is read after them"),
      .defaulted(
        "unknown_hosts", \.unknownHosts, .choice(),
        "Whether the key of a host that is not known yet is added; a changed key is always an error"
      ),
      .defaulted(
        "connect_timeout", \.connectTimeoutSeconds, .integer(1...600),
        "Seconds, over connection and login"),
      .optional(
        "host", \.host, .address, without: "the node's name",
        "Where to connect; `{node}` is the node's name"),
    ])

  /// What an `ssh:` says, key by key, over what is said around it.
  ///
  /// - Parameter folder: Of the file, seen from the manifest's: paths begin there.
  static func read(
    _ value: ManifestValue, onto ssh: Self, pathFolder folder: String,
    faults: inout ManifestFaults
  ) -> Self {
    let reading = Self.mapping.read(value, onto: ssh, faults: &faults)
    var result = reading.root
    for path in [\Self.identityFiles, \Self.knownHostsFiles] where reading.place(of: path) != nil {
      result[keyPath: path] = result[keyPath: path].map { file in
        folder.isEmpty || file.hasPrefix("/") || file.hasPrefix("~") ? file : "\(folder)/\(file)"
      }
    }
    return result
  }
}
