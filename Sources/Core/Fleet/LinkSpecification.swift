/// How a node is reached.
///
/// In JSON it is an object with its `kind`: `{"kind":"local"}`, `{"kind":"ssh","ssh":{…}}`,
/// `{"argv":[…],"kind":"command"}`.
package enum LinkSpecification: Codable, Equatable, Sendable {
  /// A child process on the coordinator's own machine.
  case local
  case ssh(SSHSpecification)
  /// A command whose standard input and output are the pipe, such as `srun …` or `ssh …`.
  case command(argv: [String])

  /// The address of the node that other nodes use; a name, or digits.
  package func address(of node: String) -> String {
    switch self {
    case .local: "127.0.0.1"
    case .ssh(let settings): settings.host
    case .command: node
    }
  }

  private enum Key: String, CodingKey {
    case kind, ssh, argv
  }

  private enum Kind: String, Codable {
    case local, ssh, command
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    switch try container.decode(Kind.self, forKey: .kind) {
    case .local: self = .local
    case .ssh: self = .ssh(try container.decode(SSHSpecification.self, forKey: .ssh))
    case .command: self = .command(argv: try container.decode([String].self, forKey: .argv))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .local: try container.encode(Kind.local, forKey: .kind)
    case .ssh(let settings):
      try container.encode(Kind.ssh, forKey: .kind)
      try container.encode(settings, forKey: .ssh)
    case .command(let argv):
      try container.encode(Kind.command, forKey: .kind)
      try container.encode(argv, forKey: .argv)
    }
  }
}

/// Settings of an SSH link. In a manifest as they are written; in a plan complete and absolute.
package struct SSHSpecification: Codable, Equatable, Sendable {
  package enum UnknownHosts: String, CaseIterable, Codable, Equatable, Sendable {
    /// A host that known_hosts does not have is an error.
    case refuse
    /// Its key is added to known_hosts; a changed key is an error all the same.
    case acceptNew = "accept-new"
  }

  /// Name or address to connect to; empty in a manifest: the node's name.
  package var host: String
  package var port: Int
  /// Empty in a manifest: the user who runs `muster`.
  package var user: String
  /// Private key files, tried in order; empty in a manifest: the usual ones under `~/.ssh`.
  package var identityFiles: [String]
  /// Tried in order; the first one is where `acceptNew` adds. Empty in a manifest:
  /// `~/.ssh/known_hosts`.
  package var knownHostsFiles: [String]
  package var unknownHosts: UnknownHosts
  /// Over name look-up, connection, key exchange and login, 1 to 600.
  package var connectTimeoutSeconds: Int

  package init(
    host: String = "", port: Int = 22, user: String = "", identityFiles: [String] = [],
    knownHostsFiles: [String] = [], unknownHosts: UnknownHosts = .refuse,
    connectTimeoutSeconds: Int = 10
  ) {
    self.host = host
    self.port = port
    self.user = user
    self.identityFiles = identityFiles
    self.knownHostsFiles = knownHostsFiles
    self.unknownHosts = unknownHosts
    self.connectTimeoutSeconds = connectTimeoutSeconds
  }
}
