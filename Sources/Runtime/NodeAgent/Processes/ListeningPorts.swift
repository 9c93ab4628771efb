/// The TCP ports of this machine on which someone listens. Source: proc(5), `/proc/net/tcp`.
package enum ListeningPorts {
  /// Of IPv4 and IPv6.
  package static func all() -> Set<Int> {
    var ports: Set<Int> = []
    for path in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
      // A machine without IPv6 has no second file.
      guard let bytes = try? PlainFile.read(path, sizeMax: 16 << 20) else { continue }
      ports.formUnion(Self.parse(bytes))
    }
    return ports
  }

  package static func parse(_ bytes: [UInt8]) -> Set<Int> {
    Set(Self.sockets(bytes).map(\.port))
  }

  /// Lines as `0: 0100007F:1F90 00000000:0000 0A …`; state 0A is LISTEN, the tenth field the inode.
  static func sockets(_ bytes: [UInt8]) -> [(port: Int, inode: String)] {
    bytes.split(separator: UInt8(ascii: "\n")).dropFirst().compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 10)
      guard fields.count >= 4, fields[3].elementsEqual("0A".utf8),
        let colon = fields[1].lastIndex(of: UInt8(ascii: ":")),
        let port = Int(String(decoding: fields[1][(colon + 1)...], as: UTF8.self), radix: 16)
      else { return nil }
      return (port, fields.count > 9 ? String(decoding: fields[9], as: UTF8.self) : "")
    }
  }
}
