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

  private struct Coded: Codable {
    enum Kind: String, Codable {
      case local, ssh, command
    }

    var kind: Kind
    var ssh: SSHSpecification?
    var argv: [String]?
  }

  package init(from decoder: any Decoder) throws {
    let coded = try Coded(from: decoder)
    switch (coded.kind, coded.ssh, coded.argv) {
    case (.local, _, _): self = .local
    case (.ssh, let ssh?, _): self = .ssh(ssh)
    case (.command, _, let argv?): self = .command(argv: argv)
    case (.ssh, nil, _), (.command, _, nil):
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "a link without its settings"))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    switch self {
    case .local: try Coded(kind: .local).encode(to: encoder)
    case .ssh(let ssh): try Coded(kind: .ssh, ssh: ssh).encode(to: encoder)
    case .command(let argv): try Coded(kind: .command, argv: argv).encode(to: encoder)
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
  package var host = ""
  package var port = 22
  /// Empty in a manifest: the user who runs `muster`.
  package var user = ""
  /// Private key files, tried in order; empty in a manifest: the usual ones under `~/.ssh`.
  package var identityFiles: [String] = []
  /// Tried in order; the first one is where `acceptNew` adds. Empty in a manifest:
  /// `~/.ssh/known_hosts`.
  package var knownHostsFiles: [String] = []
  package var unknownHosts = UnknownHosts.refuse
  /// Over name look-up, connection, key exchange and login, 1 to 600.
  package var connectTimeoutSeconds = 10

  package init() {}
}
