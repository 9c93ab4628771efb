package import Fleet

/// The keys of a manifest.
package enum ManifestKeys {
  static let version = ManifestKey(
    required: "muster", .value(.integer(1...1, besides: nil)), "The version of this form")
  static let name = ManifestKey(
    "name", .text(.folderName, code: "wrong-name", hint: FolderName.hint),
    without: "the file's name", "What its runs are called")
  static let include = ManifestKey(
    "include", .items(of: .text(.any("path")), countMax: 16), default: [],
    "Files beside this one whose `ssh`, `nodes` and `groups` are read first")
  static let ssh = ManifestKey("ssh", .value(.mapping(SSHKeys.table)), "How nodes are reached")
  static let nodes = ManifestKey(
    "nodes",
    .value(.list(of: .either([.text(.nodeSet), .mapping(NodeEntryKeys.table)]), countMax: nil)),
    without: "those of `include`", "The machines, each once, at most 4096")
  static let groups = ManifestKey(
    "groups", .names(.any(), to: .text(.nodeSet)), default: [],
    "Names for sets of nodes, which may name other groups: `\"@judges,gpu01\"`")
  static let environment = ManifestKey(
    "env", .names(.variable, to: .text(.any())), default: [], "Variables for every service")
  static let secrets = ManifestKey(
    "secrets",
    .secrets(hint: "write the name of a variable of your environment, never its value"),
    default: [],
    "Variables of your environment; their values never enter a file")
  static let caches = ManifestKey(
    "caches", .value(.mapping(CachesKeys.table)), "Compile caches of the nodes")
  static let services = ManifestKey(
    "services", .names(.folderName, to: .mapping(ServiceKeys.table)), default: [], "What runs")
  static let exporters = ManifestKey(
    "exporters", .items(of: .mapping(ExporterKeys.table)), default: [],
    "Pages of the nodes that are no service's, such as a DCGM exporter's; `top` and `serve` ask them, also where no service runs"
  )
  static let notify = ManifestKey(
    "notify", .value(.mapping(NotifyKeys.table)), "Who is told of changes of state")
  static let work = ManifestKey(
    "work", .value(.mapping(WorkKeys.table)), "What `muster eval` does; flags win")
  package static let table = ManifestTable(
    "the manifest", title: "The manifest",
    demand: .atLeastOne(of: [nodes.row.name, include.row.name]),
    version, name, include, ssh, nodes, groups, environment, secrets, caches, services, exporters,
    notify, work)
  /// Those of an included file.
  static let includedTable = ManifestTable("the manifest", version, ssh, nodes, groups)
}

/// Reads a manifest and reports every fault of it.
///
/// Does no I/O: included files come from a closure. Arbitrary text is safe to give.
package struct ManifestReader {
  private let include: (String) -> String?
  private var faults = ManifestFaults()
  private var ssh = SSHOverrides()
  private var nodes: [ManifestNode] = []
  private var groups: [(name: String, value: ManifestValue)] = []

  /// - Parameters:
  ///   - text: The file's text, at most 1 MiB.
  ///   - file: Its name in messages, and the run's name where the manifest has none.
  ///   - include: The text of an included file, by its path relative to the manifest's folder;
  ///     `nil` where it cannot be read.
  /// - Returns: The manifest, `nil` if there is an error; and all faults, sorted by place.
  package static func read(
    _ text: String, file: String, include: (String) -> String? = { _ in nil }
  ) -> (Manifest?, [Diagnostic]) {
    withoutActuallyEscaping(include) { include in
      var reader = Self(include: include)
      let manifest = reader.read(text, file: file)
      return (reader.faults.hasErrors ? nil : manifest, reader.faults.sorted)
    }
  }

  private init(include: @escaping (String) -> String?) {
    self.include = include
  }

  private mutating func read(_ text: String, file: String) -> Manifest? {
    let value: ManifestValue
    do {
      value = try ManifestYAML.parse(text, file: file)
    } catch {
      self.faults.add(error)
      return nil
    }
    guard var top = self.top(of: value, ManifestKeys.table) else { return nil }
    let name = top.read(ManifestKeys.name, faults: &self.faults)
    self.readIncludes(&top)
    self.readNodes(&top, pathFolder: "")
    if self.nodes.isEmpty, !self.faults.hasErrors {
      self.faults.error(
        "no-nodes", "manifest has no nodes", at: value.location,
        hint: "write `nodes: gpu[01-08]`, or a list of entries with `hosts`")
    }
    let resolver = NodeResolver(
      nodes: self.nodes.map(\.name), groups: self.groups, faults: &self.faults)
    let environment = ServiceReader.variables(
      top.read(ManifestKeys.environment, faults: &self.faults), faults: &self.faults)
    let secrets = top.read(ManifestKeys.secrets, faults: &self.faults)
    let caches = top.value(ManifestKeys.caches).flatMap {
      CachesReader.read($0, faults: &self.faults)
    }
    let entries = top.read(ManifestKeys.services, faults: &self.faults)
    let services = entries.compactMap {
      ServiceReader.read($0, nodes: resolver, secrets: secrets, faults: &self.faults)
    }
    ServiceOrder.check(services, entries: entries, faults: &self.faults)
    let work = top.value(ManifestKeys.work).map {
      WorkReader.read($0, nodes: resolver, faults: &self.faults)
    }
    let notify = top.value(ManifestKeys.notify).map { NotifyReader.read($0, faults: &self.faults) }
    let exporters = ExportersReader.read(
      top.read(ManifestKeys.exporters, faults: &self.faults), nodes: resolver,
      faults: &self.faults)
    top.finish(faults: &self.faults)
    return Manifest(
      name: name ?? Self.stem(of: file), nodes: self.nodes, groups: resolver.groups,
      environment: environment, secrets: secrets, caches: caches, services: services, work: work,
      notify: notify, exporters: exporters)
  }

  /// The top of a file, its version checked.
  private mutating func top(
    of value: ManifestValue, _ table: ManifestTable
  ) -> MappingReader? {
    guard case .mapping = value.content else {
      self.faults.error(
        "wrong-type", "a manifest is a mapping of keys, not \(value.spoken)", at: value.location,
        hint: "`muster init` writes one to start from")
      return nil
    }
    var top = MappingReader(value, table, faults: &self.faults)
    guard let version = top.value(ManifestKeys.version) else {
      self.faults.error(
        "no-version", "manifest does not say its version", at: value.location,
        hint: "write `muster: 1` at the top")
      return top
    }
    if version.content != .scalar("1", isPlain: true) {
      self.faults.error(
        "unknown-version", "`muster` is \(version.spoken)", at: version.location,
        hint: "this program reads `muster: 1`")
    }
    return top
  }

  private mutating func readIncludes(_ top: inout MappingReader) {
    for item in top.read(ManifestKeys.include, faults: &self.faults) {
      guard let path = MappingReader.text(item, of: "`include`", faults: &self.faults) else {
        continue
      }
      guard let text = self.include(path) else {
        let isLab = path.split(separator: "/").contains(".lab")
        self.faults.error(
          "no-include", "included file `\(path)` cannot be read", at: item.location,
          hint: isLab
            ? "`muster lab up 4` writes it" : "paths are relative to the manifest's folder")
        continue
      }
      do {
        let included = try ManifestYAML.parse(text, file: path)
        guard var inner = self.top(of: included, ManifestKeys.includedTable) else { continue }
        self.readNodes(&inner, pathFolder: Self.folder(of: path))
        inner.finish(faults: &self.faults)
      } catch {
        self.faults.add(error)
      }
    }
  }

  private mutating func readNodes(_ top: inout MappingReader, pathFolder: String) {
    if let value = top.value(ManifestKeys.ssh) {
      self.ssh = self.ssh.merged(
        with: SSHOverrides.read(value, pathFolder: pathFolder, faults: &self.faults))
    }
    if let value = top.value(ManifestKeys.nodes) {
      self.nodes += NodesReader.read(
        value, ssh: self.ssh, pathFolder: pathFolder, before: self.nodes, faults: &self.faults)
    }
    for entry in top.read(ManifestKeys.groups, faults: &self.faults) {
      if self.groups.contains(where: { $0.name == entry.key }) {
        self.faults.error(
          "duplicate-group", "group `\(entry.key)` stands twice", at: entry.keyLocation)
      } else {
        self.groups.append((entry.key, entry.value))
      }
    }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return String(path[..<slash])
  }

  private static func stem(of file: String) -> String {
    let last = file.split(separator: "/").last.map(String.init) ?? file
    let stem = last.split(separator: ".").first.map(String.init) ?? "run"
    return FolderName.isGivenName(stem) ? stem : "run"
  }
}
