import Fleet
import FoundationEssentials

/// A server's public key.
package struct SSHHostKey: Equatable, Hashable, Sendable {
  /// Such as `ssh-ed25519`.
  package let algorithm: String
  /// The key in the format of RFC 4253, section 6.6.
  package let blob: [UInt8]

  /// - Parameter blob: Begins with the name of its own algorithm; `nil` comes back where it does not.
  package init?(blob: [UInt8]) {
    var reader = SSHWireReader(blob)
    guard let name = reader.string(sizeMax: 64), !name.isEmpty else { return nil }
    self.algorithm = String(decoding: name, as: UTF8.self)
    self.blob = blob
  }

  /// As `ssh-keygen -l` prints it: `SHA256:` and 43 characters of Base64.
  package var fingerprint: String {
    var hash = SHA256()
    hash.update(self.blob)
    return "SHA256:" + Base64.encode(hash.finalize(), padded: false)
  }
}

/// Reads the fields of SSH's binary formats. Source: RFC 4251, section 5.
struct SSHWireReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) {
    self.rest = bytes[...]
  }

  mutating func uint32() -> UInt32? {
    guard self.rest.count >= 4 else { return nil }
    defer { self.rest = self.rest.dropFirst(4) }
    return self.rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// A length and so many bytes; `nil` where there are fewer, or more than `sizeMax`.
  mutating func string(sizeMax: Int) -> [UInt8]? {
    guard let size = self.uint32(), size <= sizeMax, size <= self.rest.count else { return nil }
    defer { self.rest = self.rest.dropFirst(Int(size)) }
    return Array(self.rest.prefix(Int(size)))
  }
}

/// Base64 as SSH's text files have it. Source: RFC 4648, section 4.
package enum Base64 {
  /// The bytes, or `nil` where `text` is not what ``encode(_:padded:)`` gives: as in OpenSSH, also where
  /// bits are left over.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    Data(base64Encoded: Data(text)).flatMap { bytes in
      bytes.base64EncodedString().utf8.elementsEqual(text) ? Array(bytes) : nil
    }
  }

  /// - Parameter isPadded: Fingerprints go without the `=` at the end.
  package static func encode(_ bytes: [UInt8], padded isPadded: Bool = true) -> String {
    let text = Data(bytes).base64EncodedString()
    return isPadded ? text : String(text.prefix { $0 != "=" })
  }
}
