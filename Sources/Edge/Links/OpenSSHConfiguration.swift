import Fleet
import Glibc
import OperatingSystem
package import Plan
import SSH
import Synchronization

/// What the configuration of this machine's `ssh` says of a node. It is not followed here, where the manifest
/// says everything; a link that fails tells what of it the manifest lacks.
package final class OpenSSHConfiguration: Sendable {
  /// Files that include each other.
  private static let depthMax = 8
  private static let sizeMax = 1 << 20

  private let home: String
  /// By file and its folder, for paths within.
  private let files: [(path: String, folder: String)]
  /// A link that fails is tried again and again.
  private let hints = Mutex<[String: String?]>([:])

  /// - Parameters:
  ///   - home: Absolute, of the user who runs `muster`.
  ///   - system: The folder of the machine's own file.
  package init(home: String, system: String = "/etc/ssh") {
    self.home = home
    self.files = [
      ("\(home)/.ssh/config", "\(home)/.ssh"), ("\(system)/ssh_config", system),
    ]
  }

  /// What to write for a node that `ssh` knows by this name; `nil`: it says nothing of it by name, or the
  /// fault is none that it could mend.
  package func hint(for node: Plan.Node, after error: LinkError) -> String? {
    guard error.mayLackSettings, case .ssh(let ssh) = node.link else { return nil }
    return self.hints.withLock { hints in
      if let known = hints[node.name] { return known }
      let hint = [ssh.host, node.name].lazy.compactMap { self.entry(of: $0)?.hint(node.name) }.first
      hints[node.name] = .some(hint)
      return hint
    }
  }

  /// What holds for a host, as far as it goes for a name alone; `nil` where no line names it.
  private func entry(of host: String) -> Entry? {
    var entry = Entry(host: host.lowercased())
    for (path, folder) in self.files {
      var reading = Reading(folder: folder, home: self.home)
      reading.read(path, into: &entry, depth: Self.depthMax)
    }
    return entry.file.isEmpty ? nil : entry
  }

  // MARK: One host

  private struct Entry {
    let host: String
    /// Where the host is named first; empty: nowhere.
    var file = ""
    var line = 0
    /// The first of each keyword counts.
    var settings: [String: String] = [:]

    mutating func name(in file: String, line: Int) {
      if self.file.isEmpty { (self.file, self.line) = (file, line) }
    }

    func hint(_ node: String) -> String {
      let isOnTheWay = ["proxyjump", "proxycommand"].contains { name in
        self.settings[name].map { $0.lowercased() != "none" } ?? false
      }
      let address = self.settings["hostname"].map {
        $0.replacing("%h", with: self.host).replacing("%%", with: "%")
      }
      let own = [("user", "user"), ("port", "port"), ("identityfile", "identity")]
        .compactMap { keyword, key in self.settings[keyword].map { "\(key): \(Self.quoted($0))" } }
      var words = ["hosts: \(node)"]
      if isOnTheWay || address == nil && own.isEmpty {
        words.append("link: {command: [ssh, \(node)]}")
      } else {
        words += address.map { ["address: \(Self.quoted($0))"] } ?? []
        words += own.isEmpty ? [] : ["ssh: {\(own.joined(separator: ", "))}"]
      }
      return
        "`\(self.file)`, line \(self.line), is about `\(self.host)`, and is not read here: write "
        + "`{\(words.joined(separator: ", "))}`"
    }

    private static func quoted(_ value: String) -> String {
      value.utf8.allSatisfy { $0.isWord || "-./~".utf8.contains($0) }
        ? value : YAMLQuoting.quote(value)
    }
  }

  /// Source: ssh_config(5).
  private struct Reading {
    let folder: String
    let home: String
    /// Whether the lines here are about the host.
    var isActive = true

    mutating func read(_ path: String, into entry: inout Entry, depth: Int) {
      guard depth > 0,
        let bytes = try? PlainFile.read(path, sizeMax: OpenSSHConfiguration.sizeMax)
      else { return }
      let lines = String(decoding: bytes, as: UTF8.self)
        .split(omittingEmptySubsequences: false) { $0.isNewline }
      for (index, line) in lines.enumerated() {
        let parts = line.split(maxSplits: 1) { $0.isWhitespace || $0 == "=" }
        guard let keyword = parts.first?.lowercased(), !keyword.hasPrefix("#"), parts.count == 2
        else { continue }
        let text = parts[1].drop { $0.isWhitespace || $0 == "=" }
        let words = ShellQuoting.split(String(text)) ?? text.split(separator: " ").map(String.init)
        switch keyword {
        case "host":
          self.isActive = Self.matches(words, entry.host)
          if self.isActive, Self.isNamed(words, entry.host) {
            entry.name(in: path, line: index + 1)
          }
        case "match": self.match(words, at: (path, index + 1), &entry)
        case "include" where self.isActive:
          for file in words.flatMap(self.files) {
            self.read(file, into: &entry, depth: depth - 1)
            self.isActive = true
          }
        default:
          if self.isActive, entry.settings[keyword] == nil {
            entry.settings[keyword] = words.joined(separator: " ")
          }
        }
      }
    }

    /// `Match host a,b user c`: what asks for more than a name cannot be told here.
    private mutating func match(
      _ words: [String], at place: (file: String, line: Int), _ entry: inout Entry
    ) {
      self.isActive = true
      var rest = words[...]
      while let criterion = rest.popFirst()?.lowercased() {
        if criterion == "all" { continue }
        let patterns = rest.popFirst()?.split(separator: ",").map(String.init) ?? []
        let isAboutName = criterion == "host" || criterion == "originalhost"
        if isAboutName, Self.isNamed(patterns, entry.host) {
          entry.name(in: place.file, line: place.line)
        }
        self.isActive = self.isActive && isAboutName && Self.matches(patterns, entry.host)
      }
    }

    private func files(_ pattern: String) -> [String] {
      let path =
        pattern.hasPrefix("~/")
        ? self.home + pattern.dropFirst()
        : pattern.hasPrefix("/") ? pattern : "\(self.folder)/\(pattern)"
      var found = glob_t()
      defer { globfree(&found) }
      guard glob(path, 0, nil, &found) == 0 else { return [] }
      return (0..<Int(found.gl_pathc)).compactMap { index in
        found.gl_pathv[index].map { String(cString: $0) }
      }
    }

    /// Some pattern matches, and none that is negated.
    private static func matches(_ patterns: [String], _ host: String) -> Bool {
      let negated = patterns.filter { $0.hasPrefix("!") }
      return !negated.contains { Self.match(String($0.dropFirst()), host) }
        && patterns.contains { !$0.hasPrefix("!") && Self.match($0, host) }
    }

    /// Some pattern matches that is not for every host.
    private static func isNamed(_ patterns: [String], _ host: String) -> Bool {
      patterns.contains { pattern in
        pattern.contains { !"*?!".contains($0) } && Self.match(pattern, host)
      }
    }

    private static func match(_ pattern: String, _ host: String) -> Bool {
      fnmatch(pattern.lowercased(), host, 0) == 0
    }
  }
}

extension LinkError {
  /// Whether another address, port, user, key or way could help.
  fileprivate var mayLackSettings: Bool {
    switch self {
    case .nameNotResolved, .connectionRefused, .unreachable, .noUsableKey,
      .noAnswer(address: _, during: .connection, seconds: _), .ssh(.authenticationRefused, _, _),
      .ssh(.hostKeyUnknown, _, _):
      true
    case .noAnswer, .ssh, .knownHosts, .otherArchitecture, .noPlaceForAgent, .endedEarly, .noDaemon,
      .noise, .otherProtocol, .agentImage, .programNotStarted, .name, .cancelled:
      false
    }
  }
}
