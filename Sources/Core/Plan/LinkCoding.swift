/// In JSON a link is an object with its `kind`: `{"kind":"local"}`, `{"kind":"ssh","ssh":{…}}`,
/// `{"argv":[…],"kind":"command"}`.
extension LinkSpecification {
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
