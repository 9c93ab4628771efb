/// What known_hosts says of one server, and what that makes of the key it presents.
package struct KnownHostKeys: Equatable, Sendable {
  /// A key and the line it stands on.
  package struct Key: Equatable, Sendable {
    package var key: SSHHostKey
    package var place: KnownHosts.Place
  }

  package enum Verdict: Equatable, Sendable {
    case trusted
    /// Nothing is known of the server.
    case unknown
    /// Keys are known, none of the kind that was presented.
    case otherKind([Key])
    /// A key of the same kind is known, and it is another one.
    case changed(known: Key)
    case revoked(Key)
  }

  /// As it was looked up: `host`, or `[host]:port`.
  package var name: String
  package var trusted: [Key] = []
  package var revoked: [Key] = []
  package var certificateAuthorities: [Key] = []
  /// The first lines that could not be read; the server's may be among them.
  package var unreadLines: [KnownHosts.Warning] = []

  package init(name: String) {
    self.name = name
  }

  /// Revocation wins over trust; the order of lines does not matter.
  package func verdict(on presented: SSHHostKey) -> Verdict {
    if let key = self.revoked.first(where: { $0.key == presented }) { return .revoked(key) }
    if self.trusted.contains(where: { $0.key == presented }) { return .trusted }
    if let known = self.trusted.first(where: { $0.key.algorithm == presented.algorithm }) {
      return .changed(known: known)
    }
    return self.trusted.isEmpty ? .unknown : .otherKind(self.trusted)
  }

  /// The kinds of host key to ask for, best first. What is not listed is not accepted, so that a
  /// server cannot present a kind that is not known where one is.
  ///
  /// - Parameter libraryVersion: Of libssh2; before 1.11 it knows RSA with SHA-1 only, which is not
  ///   asked for.
  package func algorithms(libraryVersion: String) -> [String] {
    var supported: [(kind: String, names: [String])] = [
      ("ssh-ed25519", ["ssh-ed25519"]),
      ("ecdsa-sha2-nistp256", ["ecdsa-sha2-nistp256"]),
      ("ecdsa-sha2-nistp384", ["ecdsa-sha2-nistp384"]),
      ("ecdsa-sha2-nistp521", ["ecdsa-sha2-nistp521"]),
    ]
    if SSHPrivateKey.signsRSAWithSHA2(libraryVersion) {
      supported.append(("ssh-rsa", ["rsa-sha2-512", "rsa-sha2-256"]))
    }
    let known = supported.filter { supported in
      self.trusted.contains { $0.key.algorithm == supported.kind }
    }
    return (known.isEmpty ? supported : known).flatMap(\.names)
  }
}
