/// A private key as its file has it, and whether it can log anyone in.
package struct SSHPrivateKey: Equatable, Sendable {
  /// Why a key is not even tried.
  package enum Fault: Error, Equatable, Sendable {
    /// The file cannot be read; the system's words.
    case unreadable(String)
    /// It has a passphrase.
    case encrypted
    /// libssh2 before 1.11 signs RSA with SHA-1 only, which servers refuse; its version.
    case rsaNeedsSHA2(libraryVersion: String)
    /// Neither OpenSSH's format nor PEM.
    case notAPrivateKey
    /// libssh2 cannot make anything of it; its words.
    case unsupported(String)
  }

  /// Longest file that is looked at: the largest RSA key that OpenSSH takes is below 13 KiB.
  package static let sizeMax = 64 << 10

  /// Where it came from, for people.
  package let file: String
  /// In OpenSSH's or PEM's form.
  let text: String
  /// `ssh-ed25519`, `ssh-rsa`, …; `nil` where only libssh2 can tell.
  package let algorithm: String?

  /// - Parameter libraryVersion: Of libssh2, such as `1.10.0`.
  package init(
    file: String, text: String, libraryVersion: String = LibSSH2Session.libraryVersion
  ) throws(Fault) {
    self.file = file
    self.text = text
    let lines = text.split(whereSeparator: \.isNewline)
    guard let first = lines.first, first.hasPrefix("-----BEGIN "),
      first.hasSuffix("PRIVATE KEY-----"), text.utf8.count <= Self.sizeMax
    else { throw .notAPrivateKey }
    let body = lines.dropFirst().prefix { !$0.hasPrefix("-----") }.joined()
    let bytes = Base64.decode(Array(body.utf8)) ?? []
    switch first {
    case "-----BEGIN OPENSSH PRIVATE KEY-----":
      self.algorithm = try Self.openSSHAlgorithm(bytes)
    case "-----BEGIN ENCRYPTED PRIVATE KEY-----": throw .encrypted
    case _
    where lines.prefix(4).contains { $0.hasPrefix("Proc-Type:") && $0.hasSuffix("ENCRYPTED") }:
      throw .encrypted
    case "-----BEGIN RSA PRIVATE KEY-----": self.algorithm = "ssh-rsa"
    case "-----BEGIN PRIVATE KEY-----":
      self.algorithm = Self.isRSAInPKCS8(bytes) ? "ssh-rsa" : nil
    default: self.algorithm = nil
    }
    if self.algorithm == "ssh-rsa", !Self.signsRSAWithSHA2(libraryVersion) {
      throw .rsaNeedsSHA2(libraryVersion: libraryVersion)
    }
  }

  /// Source: OpenSSH's PROTOCOL.key.
  private static func openSSHAlgorithm(_ bytes: [UInt8]) throws(Fault) -> String {
    let magic = Array("openssh-key-v1\0".utf8)
    guard bytes.starts(with: magic) else { throw .notAPrivateKey }
    var reader = SSHWireReader(Array(bytes.dropFirst(magic.count)))
    guard let cipher = reader.string(sizeMax: 64), reader.string(sizeMax: 64) != nil,
      reader.string(sizeMax: 1024) != nil, reader.uint32() == 1,
      let blob = reader.string(sizeMax: Self.sizeMax), let key = SSHHostKey(blob: blob)
    else { throw .notAPrivateKey }
    guard cipher == Array("none".utf8) else { throw .encrypted }
    return key.algorithm
  }

  /// Whether PKCS#8 says that the key is for RSA: `rsaEncryption`, after a version of one byte.
  /// Source: RFC 5208, section 5, in the encoding of X.690; the identifier: RFC 8017, appendix C.
  private static func isRSAInPKCS8(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    /// Moves behind a tag and its length.
    func enter(_ tag: UInt8) -> Bool {
      guard rest.popFirst() == tag, let size = rest.popFirst() else { return false }
      // From 0x80 on it is the number of bytes that have the length.
      rest = rest.dropFirst(size < 0x80 ? 0 : Int(size & 0x7f))
      return true
    }
    let (integer, identifier, sequence): (UInt8, UInt8, UInt8) = (0x02, 0x06, 0x30)
    guard enter(sequence), enter(integer), rest.popFirst() != nil, enter(sequence),
      enter(identifier)
    else { return false }
    return rest.starts(with: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01])
  }

  /// `rsa-sha2-*` came with libssh2 1.11.
  static func signsRSAWithSHA2(_ libraryVersion: String) -> Bool {
    let parts = libraryVersion.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
    return (parts.first ?? 0, parts.dropFirst().first ?? 0) >= (1, 11)
  }
}
