/// What a known_hosts file says; a parser of our own, because libssh2's takes `@revoked` for a name
/// and one bad line for the end of the file.
///
/// Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
package struct KnownHosts: Equatable, Sendable {
  /// A place in the file that a person may have to edit.
  package struct Place: Equatable, Sendable, CustomStringConvertible {
    package var file: String
    /// Counts from 1.
    package var line: Int

    package var description: String { "\(self.file):\(self.line)" }
  }

  package enum Marker: Equatable, Sendable {
    case none
    /// The key must not be trusted for any name that matches.
    case revoked
    /// A key that signs host certificates: understood, and left alone, since libssh2 checks none.
    case certificateAuthority
  }

  struct Entry: Equatable, Sendable {
    var marker: Marker
    var names: HostNames
    var key: KnownHostKeys.Key
  }

  /// A line that says nothing, and why.
  package struct Warning: Error, Equatable, Sendable {
    package var place: Place
    package var reason: String
  }

  /// Larger files are read up to here; about 80,000 hosts.
  package static let sizeMax = 8 << 20
  /// OpenSSH's own limit is of this order; the longest RSA line is below 3 KiB.
  static let lineSizeMax = 16 << 10
  /// A file of other things would otherwise be a warning a line.
  static let warningCountMax = 100

  private(set) var entries: [Entry] = []
  package private(set) var warnings: [Warning] = []

  /// Nothing is known.
  package init() {}

  /// Adds the lines of another file behind those that are there.
  package mutating func append(_ bytes: [UInt8], file: String) {
    if bytes.count > Self.sizeMax {
      self.warn(Place(file: file, line: 1), "larger than \(Self.sizeMax) bytes; the rest is unread")
    }
    let lines = bytes.prefix(Self.sizeMax)
      .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let place = Place(file: file, line: index + 1)
      guard line.count <= Self.lineSizeMax else {
        self.warn(place, "longer than \(Self.lineSizeMax) bytes")
        continue
      }
      do throws(Warning) {
        if let entry = try Self.entry(line, place) { self.entries.append(entry) }
      } catch {
        self.warn(error.place, error.reason)
      }
    }
  }

  /// What is known of one server.
  ///
  /// - Parameters:
  ///   - host: As the user wrote it: a name or an address; case does not matter.
  ///   - port: Other than 22, it is part of the name: `[host]:port`.
  package func keys(host: String, port: Int) -> KnownHostKeys {
    let name = HostNames.lookupName(host: host, port: port)
    var keys = KnownHostKeys(name: name)
    keys.unreadLines = Array(self.warnings.prefix(3))
    for entry in self.entries where entry.names.matches(name) {
      switch entry.marker {
      case .none: keys.trusted.append(entry.key)
      case .revoked: keys.revoked.append(entry.key)
      case .certificateAuthority: keys.certificateAuthorities.append(entry.key)
      }
    }
    return keys
  }

  /// The line that makes `key` known for a server, without its line feed.
  package static func line(host: String, port: Int, key: SSHHostKey) -> String {
    let name = HostNames.lookupName(host: host, port: port)
    return "\(name) \(key.algorithm) \(Base64.encode(key.blob))"
  }

  private mutating func warn(_ place: Place, _ reason: String) {
    guard self.warnings.count < Self.warningCountMax else { return }
    self.warnings.append(Warning(place: place, reason: reason))
  }

  private static func entry(_ line: ArraySlice<UInt8>, _ place: Place) throws(Warning) -> Entry? {
    func fault(_ reason: String) -> Warning { Warning(place: place, reason: reason) }
    var fields = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }.map(Array.init)[...]
    guard let first = fields.first, first.first != UInt8(ascii: "#") else { return nil }
    var marker = Marker.none
    if first.first == UInt8(ascii: "@") {
      switch String(decoding: first, as: UTF8.self) {
      case "@revoked": marker = .revoked
      case "@cert-authority": marker = .certificateAuthority
      case let other: throw fault("unknown marker `\(other.prefix(40))`")
      }
      fields = fields.dropFirst()
    }
    guard fields.count >= 3 else { throw fault("not `names algorithm key`") }
    let parts = Array(fields.prefix(3))
    guard let names = HostNames(parsing: parts[0]) else {
      throw fault("the names cannot be read")
    }
    guard let blob = Base64.decode(parts[2]), let key = SSHHostKey(blob: blob) else {
      throw fault("the key is not Base64 of a public key")
    }
    guard Array(key.algorithm.utf8) == parts[1] else {
      throw fault("the key is not of the algorithm that the line names")
    }
    return Entry(marker: marker, names: names, key: .init(key: key, place: place))
  }
}

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
