package import Fleet

/// A plain list of hosts, as `mpirun`, `pdsh` and people write it.
///
/// One entry a line: `host`, `user@host`, `host:port`, `host slots=8`, or a node set such as
/// `gpu[01-08]` in place of the host; `#` begins a comment.
package struct HostFile: Equatable, Sendable {
  /// Hosts that share everything but their name.
  package struct Entry: Equatable, Sendable {
    package var hosts: [NodeName]
    package var user: String?
    package var port: Int?
    package var slots: Int?
  }

  /// In the order in which each combination first appears; no host twice.
  package var entries: [Entry] = []

  package init() {}

  /// - Parameters:
  ///   - text: At most 1 MiB.
  ///   - file: Its name in messages.
  /// - Returns: What could be read, and every fault by line.
  package static func read(_ text: String, file: String) -> (HostFile, [Diagnostic]) {
    var faults = ManifestFaults()
    var result = HostFile()
    guard text.utf8.count <= ManifestYAML.maximumSize else {
      faults.error(
        "host-file-too-large", "host file has more than \(ManifestYAML.maximumSize) bytes",
        at: SourceLocation(file: file, line: 1, column: 1))
      return (result, faults.sorted)
    }
    var seen: Set<NodeName> = []
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    for (index, line) in lines.enumerated() {
      let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }.map(String.init)
      guard !words.isEmpty else { continue }
      let place = SourceLocation(file: file, line: index + 1, column: 1)
      guard var entry = Self.entry(words, at: place, faults: &faults) else { continue }
      for name in entry.hosts where seen.contains(name) {
        faults.error("duplicate-host", "host `\(name)` stands twice", at: place)
      }
      entry.hosts.removeAll { !seen.insert($0).inserted }
      guard !entry.hosts.isEmpty else { continue }
      result.entries.append(entry)
    }
    let groups = result.entries.grouped { [$0.user, $0.port?.description, $0.slots?.description] }
    result.entries = groups.map { _, alike in
      var entry = alike[0]
      entry.hosts = alike.flatMap(\.hosts)
      return entry
    }
    return (result, faults.sorted)
  }

  private static func entry(
    _ words: [String], at place: SourceLocation, faults: inout ManifestFaults
  ) -> Entry? {
    var entry = Entry(hosts: [])
    for option in words.dropFirst() {
      let parts = option.split(separator: "=", maxSplits: 1)
      if parts.count == 2, parts[0] == "slots", let slots = Int(parts[1]), slots >= 1 {
        entry.slots = slots
      } else if !(parts.count == 2 && (parts[0] == "max_slots" || parts[0] == "max-slots")) {
        faults.error(
          "wrong-host", "`\(option.prefix(80))` is no option of a host", at: place,
          hint: "known: `slots=8`")
      }
    }
    var host = words[0][...]
    if let at = host.lastIndex(of: "@"), at != host.startIndex {
      entry.user = String(host[..<at])
      host = host[host.index(after: at)...]
    }
    if let colon = host.lastIndex(of: ":") {
      let text = host[host.index(after: colon)...]
      guard let port = Int(text), (1...65535).contains(port) else {
        faults.error(
          "wrong-host", "`\(text.prefix(80))` is no port", at: place, hint: "write 1 to 65535")
        return nil
      }
      entry.port = port
      host = host[..<colon]
    }
    do {
      entry.hosts = try NodeSet(parsing: String(host)).names
    } catch {
      faults.error(
        "wrong-host", "`\(host.prefix(80))` is no host: \(error.summary)", at: place,
        hint: "write `host`, `user@host:22`, or a node set: `gpu[01-08]`")
      return nil
    }
    guard entry.hosts.allSatisfy({ FolderName.isGivenName($0.rawValue) }) else {
      faults.error(
        "wrong-host", "`\(host.prefix(80))` is no host", at: place,
        hint: "write letters, digits, `-`, `_` and `.`")
      return nil
    }
    return entry
  }
}
