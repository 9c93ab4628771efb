package import Fleet

/// A manifest, or a file that it includes, as it is written.
struct ManifestEntry: Sendable {
  private var version: ManifestValue?
  /// What needs nothing else to be read.
  fileprivate var manifest = Manifest()
  fileprivate var include: [ManifestValue] = []
  fileprivate var ssh: ManifestValue?
  fileprivate var nodes: ManifestValue?
  fileprivate var groups: [ManifestValue.Entry] = []
  fileprivate var environment: [ManifestVariable] = []
  fileprivate var services: [ManifestValue.Entry] = []
  fileprivate var exporters: [ManifestValue] = []

  fileprivate static let mapping = ManifestMapping<Self>(
    Self(), "the manifest", title: "The manifest", demand: .atLeastOne(of: ["nodes", "include"]),
    [Self.versionKey] + Self.headKeys + Self.nodeKeys + Self.ownKeys)

  private static let headKeys: [ManifestKey<Self>] = [
    .optional(
      "name", \.manifest.name, .text(.folderName, code: "wrong-name", hint: FolderName.hint),
      without: "the file's name", "What its runs are called"),
    .defaulted(
      "include", \.include, .list(of: .value(.text(.any("path"))), countMax: 16),
      "Files beside this one whose `ssh`, `nodes` and `groups` are read first"),
  ]

  private static let ownKeys: [ManifestKey<Self>] = [
    .defaulted("env", \.environment, .variables, "Variables for every service"),
    .defaulted(
      "secrets", \.manifest.secrets,
      .list(
        of: .text(
          .variable, code: "wrong-name",
          hint: "write the name of a variable of your environment, never its value",
          summary: { _, name in "secret `\(name.prefix(80))` is no variable's name" })),
      "Variables of your environment; their values never enter a file"),
    .optional(
      "caches", \.manifest.caches,
      .mapping(ManifestCaches.mapping) { reading, _ in reading.isComplete ? reading.root : nil },
      "Compile caches of the nodes"),
    .defaulted(
      "services", \.services, .names(.folderName, to: .mapping(ManifestService.keys)),
      "What runs"),
    .defaulted(
      "exporters", \.exporters, .list(of: .value(.mapping(ExporterEntry.mapping.table))),
      "Pages of the nodes that are no service's, such as a DCGM exporter's; `top` and `serve` ask them, also where no service runs"
    ),
    .optional("notify", \.manifest.notify, ManifestNotify.type, "Who is told of changes of state"),
    .optional(
      "work", \.manifest.work, .mapping(ManifestWork.mapping) { reading, _ in reading.root },
      "What `muster eval` does; flags win"),
  ]

  /// Those of an included file.
  fileprivate static let includedMapping = ManifestMapping<Self>(
    Self(), "the manifest", [Self.versionKey] + Self.nodeKeys)

  fileprivate static let versionKey = ManifestKey<Self>.required(
    "muster", \.version, ManifestType.value(.integer(1...1, besides: nil)).optional,
    "The version of this form")

  private static let nodeKeys: [ManifestKey<Self>] = [
    .optional(
      "ssh", \.ssh, .value(.mapping(SSHSpecification.mapping.table)), "How nodes are reached"),
    .optional(
      "nodes", \.nodes,
      .value(
        .list(of: .either([.text(.nodeSet), .mapping(NodeEntry.mapping.table)]), countMax: nil)),
      without: "those of `include`", "The machines, each once, at most 4096"),
    .defaulted(
      "groups", \.groups, .names(.any(), to: .text(.nodeSet)),
      "Names for sets of nodes, which may name other groups: `\"@judges,gpu01\"`"),
  ]

  /// The top of a file, its version checked; `nil` where it is no mapping.
  fileprivate static func read(
    _ value: ManifestValue, _ mapping: ManifestMapping<Self>, faults: inout ManifestFaults
  ) -> ManifestReading<Self>? {
    guard case .mapping = value.content else {
      faults.error(
        "wrong-type", "a manifest is a mapping of keys, not \(value.spoken)", at: value.location,
        hint: "`muster init` writes one to start from")
      return nil
    }
    let reading = mapping.read(value, faults: &faults)
    if let version = reading.root.version {
      let isRead = if case .scalar("1", _) = version.content { true } else { false }
      if !isRead {
        faults.error(
          "unknown-version", "`muster` is \(version.spoken)", at: version.location,
          hint: "this program reads `muster: 1`")
      }
    } else {
      faults.error(
        "no-version", "manifest does not say its version", at: value.location,
        hint: "write `muster: 1` at the top")
    }
    return reading
  }
}

extension Manifest {
  /// The keys of a manifest.
  package static var keys: ManifestTable { ManifestEntry.mapping.table }
}

/// Reads a manifest and reports every fault of it.
///
/// Does no I/O: included files come from a closure. Arbitrary text is safe to give.
package struct ManifestReader {
  private let include: (String) -> String?
  private var faults = ManifestFaults()
  private var ssh = SSHSpecification()
  private var nodes: [ManifestNode] = []
  private var groups: [(name: String, value: ManifestValue)] = []

  /// - Parameters:
  ///   - file: Its name in messages, and the run's name where the manifest has none.
  ///   - include: The text of an included file, by its path relative to the manifest's folder.
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
    let top = ManifestEntry.read(value, ManifestEntry.mapping, faults: &self.faults)?.root
    guard let top else { return nil }
    let faultCount = self.faults.found.count
    for item in top.include { self.readIncluded(item) }
    self.readNodes(top, pathFolder: "")
    if self.nodes.isEmpty, self.faults.found.count == faultCount {
      self.faults.error(
        "no-nodes", "manifest has no nodes", at: value.location,
        hint: "write `nodes: gpu[01-08]`, or a list of entries with `hosts`")
    }
    let resolver = NodeResolver(
      nodes: self.nodes.map(\.name), groups: self.groups, faults: &self.faults)
    var manifest = top.manifest
    if manifest.name.isEmpty { manifest.name = Self.stem(of: file) }
    manifest.nodes = self.nodes
    manifest.secrets = manifest.secrets.grouped { $0 }.map(\.key)
    manifest.services = top.services.compactMap {
      ManifestService.read(
        $0, nodes: resolver, environment: top.environment, secrets: manifest.secrets,
        faults: &self.faults)
    }
    ServiceOrder.check(manifest.services, names: top.services.map(\.key), faults: &self.faults)
    manifest.work?.resolve(
      resolver, services: top.services.map(\.key), faults: &self.faults)
    manifest.exporters = ExporterEntry.exporters(
      top.exporters, nodes: resolver, faults: &self.faults)
    return manifest
  }

  private mutating func readIncluded(_ item: ManifestValue) {
    guard let path = item.text(of: "`include`", faults: &self.faults) else { return }
    guard let text = self.include(path) else {
      let isLab = path.split(separator: "/").contains(".lab")
      self.faults.error(
        "no-include", "included file `\(path)` cannot be read", at: item.location,
        hint: isLab
          ? "`muster lab up 4` writes it" : "paths are relative to the manifest's folder")
      return
    }
    do {
      let included = try ManifestYAML.parse(text, file: path)
      let reading = ManifestEntry.read(
        included, ManifestEntry.includedMapping, faults: &self.faults)
      if let reading { self.readNodes(reading.root, pathFolder: Self.folder(of: path)) }
    } catch {
      self.faults.add(error)
    }
  }

  private mutating func readNodes(_ entry: ManifestEntry, pathFolder: String) {
    if let value = entry.ssh {
      self.ssh = .read(value, onto: self.ssh, pathFolder: pathFolder, faults: &self.faults)
    }
    if let value = entry.nodes {
      self.nodes += NodesReader.read(
        value, ssh: self.ssh, pathFolder: pathFolder, before: self.nodes, faults: &self.faults)
    }
    for group in entry.groups {
      if self.groups.contains(where: { $0.name == group.key }) {
        self.faults.error(
          "duplicate-group", "group `\(group.key)` stands twice", at: group.keyLocation)
      } else {
        self.groups.append((group.key, group.value))
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
