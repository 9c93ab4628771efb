import Fleet

/// The keys of an `ssh:` mapping; `nil` where it says nothing.
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
    var reader = MappingReader(value, subject: "`ssh`", faults: &faults)
    var result = Self()
    result.user = reader.text("user", faults: &faults)
    result.port = reader.integer("port", in: 1...65535, faults: &faults)
    result.identityFiles = reader.texts("identity", faults: &faults)?
      .map { Self.path($0, in: pathFolder) }
    result.knownHostsFiles = reader.texts("known_hosts", faults: &faults)?
      .map { Self.path($0, in: pathFolder) }
    result.unknownHosts = reader.choice(
      "unknown_hosts", of: ManifestSSH.UnknownHosts.self, faults: &faults)
    result.connectTimeoutSeconds = reader.integer("connect_timeout", in: 1...600, faults: &faults)
    result.host = reader.text("host", faults: &faults)
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
      host: host, port: self.port ?? 22, user: self.user,
      identityFiles: self.identityFiles ?? [], knownHostsFiles: self.knownHostsFiles ?? [],
      unknownHosts: self.unknownHosts ?? .refuse,
      connectTimeoutSeconds: self.connectTimeoutSeconds ?? 10)
  }

  /// A path of an included file, seen from the manifest's folder.
  private static func path(_ path: String, in folder: String) -> String {
    folder.isEmpty || path.hasPrefix("/") || path.hasPrefix("~") ? path : "\(folder)/\(path)"
  }
}
