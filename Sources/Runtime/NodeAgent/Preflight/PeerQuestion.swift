import Glibc
import NodeAPI
import SwiftProtobuf

/// The address of this node that another one sees: a UDP socket that is connected chooses it, and
/// no packet is sent.
enum PeerQuestion {
  /// - Parameter peer: IPv4 or IPv6 in numbers; a name is not looked up.
  static func answer(_ peer: String) -> Muster_V1_PeerFacts {
    .with {
      $0.peer = peer
      $0.local = Self.local(to: peer) ?? ""
    }
  }

  private static func local(to peer: String) -> String? {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    // Discard; nothing is sent to it.
    address.sin_port = in_port_t(9).bigEndian
    if inet_pton(AF_INET, peer, &address.sin_addr) == 1 {
      guard let own = Self.own(address, AF_INET) else { return nil }
      return Self.text(own.sin_addr, AF_INET)
    }
    var address6 = sockaddr_in6()
    address6.sin6_family = sa_family_t(AF_INET6)
    address6.sin6_port = in_port_t(9).bigEndian
    guard inet_pton(AF_INET6, peer, &address6.sin6_addr) == 1,
      let own = Self.own(address6, AF_INET6)
    else { return nil }
    return Self.text(own.sin6_addr, AF_INET6)
  }

  private static func own<Address>(_ peer: Address, _ family: CInt) -> Address? {
    let socket = Glibc.socket(family, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return nil }
    defer { close(socket) }
    var address = peer
    var size = socklen_t(MemoryLayout<Address>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, size) == 0 ? getsockname(socket, $0, &size) : -1
      }
    }
    return status == 0 ? address : nil
  }

  private static func text<Bytes>(_ address: Bytes, _ family: CInt) -> String? {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let isText = withUnsafePointer(to: address) {
      inet_ntop(family, $0, &text, socklen_t(text.count)) != nil
    }
    guard isText else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
