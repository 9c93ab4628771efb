import Fleet

/// The keys of `ssh:`, of the manifest and of an entry of `nodes`.
enum SSHKeys {
  static let user = ManifestKey("user", .text, without: "who runs `muster`", "The login")
  static let port = ManifestKey("port", .integer(1...65535), default: 22, "The TCP port")
  static let identity = ManifestKey(
    "identity", .list(of: .text(like: .any("path"))), without: "the usual ones under `~/.ssh`",
    "Files of keys")
  static let knownHosts = ManifestKey(
    "known_hosts", .list(of: .text(like: .any("path"))), without: "`~/.ssh/known_hosts`",
    "Files of hosts' keys")
  static let unknownHosts = ManifestKey(
    "unknown_hosts", .choice(ManifestSSH.UnknownHosts.self), default: .refuse,
    "Whether the key of a host that is not known yet is added; a changed key is always an error")
  static let connectTimeout = ManifestKey(
    "connect_timeout", .integer(1...600), default: 10, "Seconds, over connection and login")
  static let host = ManifestKey(
    "host", .text(like: .any("address")), without: "the node's name",
    "Where to connect; `{node}` is the node's name")
  static let table = ManifestTable(
    "`ssh`", title: "`ssh`", user, port, identity, knownHosts, unknownHosts, connectTimeout, host)
}

/// What an `ssh:` mapping says; `nil` where it says nothing.
struct SSHOverrides {
  var user: String?
  var port: Int?
  var identityFiles: [String]?
  var knownHostsFiles: [String]?
  var unknownHosts: ManifestSSH.UnknownHosts?
  var connectTimeoutSeconds: Int?
  var host: String?

  static func read(
    _ value: ManifestValue, pathFolder: String, faults: inout ManifestFaults
  ) -> Self {
    var reader = MappingReader(value, SSHKeys.table, faults: &faults)
    var result = Self()
    result.user = reader.read(SSHKeys.user, faults: &faults)
    result.port = reader.find(SSHKeys.port, faults: &faults)
    result.identityFiles = reader.read(SSHKeys.identity, faults: &faults)?
      .map { Self.path($0, in: pathFolder) }
    result.knownHostsFiles = reader.read(SSHKeys.knownHosts, faults: &faults)?
      .map { Self.path($0, in: pathFolder) }
    result.unknownHosts = reader.find(SSHKeys.unknownHosts, faults: &faults)
    result.connectTimeoutSeconds = reader.find(SSHKeys.connectTimeout, faults: &faults)
    result.host = reader.read(SSHKeys.host, faults: &faults)
    reader.finish(faults: &faults)
    return result
  }

  /// What `other` says wins.
  func merged(with other: Self) -> Self {
    var result = self
    result.user = other.user ?? self.user
    result.port = other.port ?? self.port
    result.identityFiles = other.identityFiles ?? self.identityFiles
    result.knownHostsFiles = other.knownHostsFiles ?? self.knownHostsFiles
    result.unknownHosts = other.unknownHosts ?? self.unknownHosts
    result.connectTimeoutSeconds = other.connectTimeoutSeconds ?? self.connectTimeoutSeconds
    result.host = other.host ?? self.host
    return result
  }

  func settings(host: String) -> ManifestSSH {
    ManifestSSH(
      host: host, port: self.port ?? SSHKeys.port.absent, user: self.user,
      identityFiles: self.identityFiles ?? [], knownHostsFiles: self.knownHostsFiles ?? [],
      unknownHosts: self.unknownHosts ?? SSHKeys.unknownHosts.absent,
      connectTimeoutSeconds: self.connectTimeoutSeconds ?? SSHKeys.connectTimeout.absent)
  }

  /// A path of an included file, seen from the manifest's folder.
  private static func path(_ path: String, in folder: String) -> String {
    folder.isEmpty || path.hasPrefix("/") || path.hasPrefix("~") ? path : "\(folder)/\(path)"
  }
}
