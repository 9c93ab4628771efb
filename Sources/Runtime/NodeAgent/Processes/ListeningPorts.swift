import Glibc

/// The TCP ports of this machine on which someone listens. Source: proc(5), `/proc/net/tcp`.
package enum ListeningPorts {
  struct Socket: Sendable {
    var port: Int
    /// Empty where it is unknown.
    var inode: String
    /// The user who made it.
    var user: uid_t?
  }

  /// Of IPv4 and IPv6.
  package static func all() -> Set<Int> { Set(Self.sockets().map(\.port)) }

  package static func parse(_ bytes: [UInt8]) -> Set<Int> {
    Set(Self.sockets(bytes).map(\.port))
  }

  /// Who made the socket of each port.
  static func users() -> [Int: uid_t] {
    var users: [Int: uid_t] = [:]
    for socket in Self.sockets() { users[socket.port] = socket.user }
    return users
  }

  /// Of IPv4 and IPv6. Blocks.
  static func sockets() -> [Socket] {
    ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap { path in
      // A machine without IPv6 has no second file.
      (try? PlainFile.read(path, sizeMax: 16 << 20)).map { Self.sockets($0) } ?? []
    }
  }

  /// Lines as `0: 0100007F:1F90 00000000:0000 0A …`; state 0A is LISTEN, the eighth field the user,
  /// the tenth the inode.
  private static func sockets(_ bytes: [UInt8]) -> [Socket] {
    bytes.split(separator: UInt8(ascii: "\n")).dropFirst().compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 10)
      guard fields.count >= 4, fields[3].elementsEqual("0A".utf8),
        let colon = fields[1].lastIndex(of: UInt8(ascii: ":")),
        let port = Int(String(decoding: fields[1][(colon + 1)...], as: UTF8.self), radix: 16)
      else { return nil }
      return Socket(
        port: port, inode: fields.count > 9 ? String(decoding: fields[9], as: UTF8.self) : "",
        user: fields.count > 7 ? uid_t(String(decoding: fields[7], as: UTF8.self)) : nil)
    }
  }
}
