package import Fleet

/// A plain list of hosts, as launchers of MPI, batch systems, `pdsh` and people write it.
///
/// One entry a line: `host`, `user@host`, `host:port`, `host slots=8`, or a node set such as
/// `gpu[01-08]` in place of the host; `#` begins a comment. Slots are also MPICH's `host:8`, the number in
/// `host 8`, and PBS's repetition of a host once for each.
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
    var order: [NodeName] = []
    var found: [NodeName: Entry] = [:]
    let lines = WrittenText.withoutMarks(text).split(omittingEmptySubsequences: false) {
      $0.isNewline
    }
    for (index, line) in lines.enumerated() {
      let words = Self.words(of: line)
      guard !words.isEmpty else { continue }
      let place = SourceLocation(file: file, line: index + 1, column: 1)
      guard let entry = Self.entry(words, at: place, faults: &faults) else { continue }
      for name in entry.hosts {
        guard var known = found[name] else {
          order.append(name)
          found[name] = entry
          continue
        }
        if known.user != entry.user || known.port != entry.port {
          faults.error(
            "duplicate-host", "host `\(name)` stands twice, with another user or port", at: place,
            hint: "keep one of them")
        }
        known.slots = min((known.slots ?? 1) + (entry.slots ?? 1), Self.slotsMax)
        found[name] = known
      }
    }
    let hosts = order.compactMap { name in found[name].map { (name: name, entry: $0) } }
    let groups = hosts.grouped {
      [$0.entry.user, $0.entry.port?.description, $0.entry.slots?.description]
    }
    result.entries = groups.map { _, alike in
      var entry = alike[0].entry
      entry.hosts = alike.map(\.name)
      return entry
    }
    return (result, faults.sorted)
  }

  private static let slotsMax = 65_536

  /// Open MPI takes blanks around `=`.
  private static func words(of line: Substring) -> [String] {
    var words: [String] = []
    for word in line.prefix(while: { $0 != "#" }).split(whereSeparator: \.isWhitespace) {
      if words.count > 1, word.hasPrefix("=") || words[words.count - 1].hasSuffix("=") {
        words[words.count - 1].append(contentsOf: word)
      } else {
        words.append(String(word))
      }
    }
    return words
  }

  private static func entry(
    _ words: [String], at place: SourceLocation, faults: inout ManifestFaults
  ) -> Entry? {
    var entry = Entry(hosts: [])
    var host = words[0][...]
    if let at = host.lastIndex(of: "@"), at != host.startIndex {
      entry.user = String(host[..<at])
      host = host[host.index(after: at)...]
    }
    if let address = Self.addressOfIPv6(host) {
      faults.error(
        "wrong-host", "`\(host.prefix(80))` is an address of IPv6, which cannot name a node",
        at: place,
        hint: "write it in the manifest: `{hosts: gpu01, address: \"\(address.prefix(80))\"}`")
      return nil
    }
    if let colon = host.lastIndex(of: ":") {
      let text = host[host.index(after: colon)...]
      guard let number = Int(text), (1...65535).contains(number) else {
        faults.error(
          "wrong-host", "`\(text.prefix(80))` is no port", at: place, hint: "write 1 to 65535")
        return nil
      }
      if Self.isPort(number) { entry.port = number } else { entry.slots = number }
      host = host[..<colon]
    }
    Self.read(words.dropFirst(), into: &entry, at: place, faults: &faults)
    do {
      entry.hosts = try NodeSet(parsing: String(host)).names
    } catch {
      faults.error(
        "wrong-host", "`\(host.prefix(80))` is no host: \(error.summary)", at: place,
        hint: "write `host`, `user@host:22`, or a node set: `gpu[01-08]`")
      return nil
    }
    guard !entry.hosts.isEmpty, entry.hosts.allSatisfy({ FolderName.isGivenName($0.rawValue) })
    else {
      faults.error(
        "wrong-host", "`\(host.prefix(80))` is no host", at: place,
        hint: "write letters, digits, `-`, `_` and `.`")
      return nil
    }
    return entry
  }

  /// The address in `2001:db8::1` and `[2001:db8::1]:22`; `nil`: it is none.
  private static func addressOfIPv6(_ host: Substring) -> Substring? {
    let inner = host.hasPrefix("[") ? host.dropFirst().prefix { $0 != "]" } : host
    return inner.count { $0 == ":" } > 1 ? inner : nil
  }

  /// Whether a number behind a colon is where an sshd listens. MPICH writes slots there: a few at most,
  /// where the ports of other services are.
  private static func isPort(_ number: Int) -> Bool {
    number >= 1024 || [22, 222, 443].contains(number)
  }

  /// What other launchers say of a host beside how to log in.
  private static let passedOver: Set<Substring> = [
    "max_slots", "max-slots", "binding", "ifname",
  ]

  private static func read(
    _ options: ArraySlice<String>, into entry: inout Entry, at place: SourceLocation,
    faults: inout ManifestFaults
  ) {
    // Grid Engine: `host 8 queue@host UNDEFINED`.
    let isGridEngine = options.count == 3 && options.first.flatMap { Int($0) } != nil
    for option in isGridEngine ? options.prefix(1) : options {
      let parts = option.split(separator: "=", maxSplits: 1)
      let name = parts.count == 2 ? parts[0] : ""
      let slots = Int(parts.last ?? "").flatMap { (1...Self.slotsMax).contains($0) ? $0 : nil }
      switch name {
      case "slots", "cpu", "count", "":
        if let slots, !name.isEmpty || options.count == 1 || isGridEngine {
          entry.slots = slots
          continue
        }
      case "user", "username":
        entry.user = String(parts[1])
        continue
      default:
        if Self.passedOver.contains(name) { continue }
      }
      faults.error(
        "wrong-host", "`\(option.prefix(80))` is no option of a host", at: place,
        hint: "known: `slots=8`, `user=me`; one host a line")
    }
  }
}
