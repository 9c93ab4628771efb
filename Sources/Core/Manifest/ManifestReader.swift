package import Fleet

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
    guard var top = self.top(of: value) else { return nil }
    let name = top.text("name", faults: &self.faults)
    if let name, !Self.isName(name), let place = top.value("name")?.location {
      self.faults.error(
        "wrong-name", "`name` is `\(name.prefix(80))`", at: place,
        hint: "write letters, digits, `-`, `_` and `.`, at most 64")
    }
    self.readIncludes(&top)
    self.readNodes(&top, pathFolder: "")
    if self.nodes.isEmpty, !self.faults.hasErrors {
      self.faults.error(
        "no-nodes", "manifest has no nodes", at: value.location,
        hint: "write `nodes: gpu[01-08]`, or a list of entries with `hosts`")
    }
    let resolver = NodeResolver(
      nodes: self.nodes.map(\.name), groups: self.groups, faults: &self.faults)
    let environment = ServiceReader.environment(&top, faults: &self.faults)
    let secrets = ServiceReader.secrets(&top, faults: &self.faults)
    let caches = top.value("caches").flatMap { CachesReader.read($0, faults: &self.faults) }
    let entries = top.entries("services", faults: &self.faults)
    let services = entries.compactMap {
      ServiceReader.read($0, nodes: resolver, secrets: secrets, faults: &self.faults)
    }
    ServiceOrder.check(services, entries: entries, faults: &self.faults)
    let work = top.value("work").map {
      WorkReader.read($0, nodes: resolver, faults: &self.faults)
    }
    let notify = top.value("notify").flatMap { NotifyReader.read($0, faults: &self.faults) }
    let exporters = top.value("exporters").map {
      ExportersReader.read($0, nodes: resolver, faults: &self.faults)
    }
    top.finish(faults: &self.faults)
    return Manifest(
      name: name ?? Self.stem(of: file), nodes: self.nodes, groups: resolver.groups,
      environment: environment, secrets: secrets, caches: caches, services: services, work: work,
      notify: notify, exporters: exporters ?? [])
  }

  /// The top of a file, its version checked.
  private mutating func top(of value: ManifestValue) -> MappingReader? {
    guard case .mapping = value.content else {
      self.faults.error(
        "wrong-type", "a manifest is a mapping of keys, not \(value.spoken)", at: value.location,
        hint: "`muster init` writes one to start from")
      return nil
    }
    var top = MappingReader(value, subject: "the manifest", faults: &self.faults)
    guard let version = top.value("muster") else {
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
    guard let value = top.value("include") else { return }
    let items: [ManifestValue]
    if case .list(let list) = value.content { items = list } else { items = [value] }
    for item in items.prefix(16) {
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
        guard var inner = self.top(of: included) else { continue }
        self.readNodes(&inner, pathFolder: Self.folder(of: path))
        inner.finish(faults: &self.faults)
      } catch {
        self.faults.add(error)
      }
    }
  }

  private mutating func readNodes(_ top: inout MappingReader, pathFolder: String) {
    if let value = top.value("ssh") {
      self.ssh = self.ssh.merged(
        with: SSHOverrides.read(value, pathFolder: pathFolder, faults: &self.faults))
    }
    if let value = top.value("nodes") {
      self.nodes += NodesReader.read(
        value, ssh: self.ssh, pathFolder: pathFolder, before: self.nodes, faults: &self.faults)
    }
    for entry in top.entries("groups", faults: &self.faults) {
      if self.groups.contains(where: { $0.name == entry.key }) {
        self.faults.error(
          "duplicate-group", "group `\(entry.key)` stands twice", at: entry.keyLocation)
      } else {
        self.groups.append((entry.key, entry.value))
      }
    }
  }

  /// Letters, digits, `-`, `_` and `.`, 1 to 64, not first a `.` or `-`: safe as a folder's name.
  static func isName(_ text: String) -> Bool {
    guard (1...64).contains(text.utf8.count), !text.hasPrefix("."), !text.hasPrefix("-") else {
      return false
    }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."):
        true
      default: false
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
    return Self.isName(stem) ? stem : "run"
  }
}
