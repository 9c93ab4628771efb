import Glibc

/// Ports of the hosts' addresses of loopback.
enum LabPort {
  /// Where they are looked for: above what services use, below the ephemeral ones.
  private static let range = 22_000..<32_000

  /// - Parameters:
  ///   - number: Of the host.
  ///   - preferred: Taken if it is free.
  static func free(_ number: Int, preferred: Int? = nil) throws(LabError) -> Int {
    let usual = Self.range.lazy.filter {
      ($0 - Self.range.lowerBound) % LabHost.countMax == number - 1
    }
    if let preferred, Self.isFree(preferred, number) { return preferred }
    guard let port = usual.first(where: { Self.isFree($0, number) }) else {
      throw .failed(
        operation: "find a free port on 127.0.0.\(10 + number)", reason: "none is free")
    }
    return port
  }

  /// Whether sshd could listen there.
  private static func isFree(_ port: Int, _ number: Int) -> Bool {
    guard let socket = Self.socket(), var address = Self.address(number, port) else { return false }
    defer { close(socket) }
    // As sshd does: what is left of connections is no hindrance.
    var yes: CInt = 1
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
    return Self.with(&address) { bind(socket, $0, $1) == 0 }
  }

  /// Whether sshd says its greeting within a second.
  static func greets(_ host: LabHost) -> Bool {
    guard let socket = Self.socket(), var address = Self.address(host.number, host.port) else {
      return false
    }
    defer { close(socket) }
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let isConnected = Self.with(&address) { connect(socket, $0, $1) == 0 }
    var greeting = [UInt8](repeating: 0, count: 4)
    return isConnected && recv(socket, &greeting, 4, 0) == 4 && greeting == Array("SSH-".utf8)
  }

  private static func socket() -> CInt? {
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    let socket = Glibc.socket(AF_INET, type, 0)
    return socket >= 0 ? socket : nil
  }

  private static func address(_ number: Int, _ port: Int) -> sockaddr_in? {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    let host = LabHost(number: number, port: port).address
    return inet_pton(AF_INET, host, &address.sin_addr) == 1 ? address : nil
  }

  private static func with<Result>(
    _ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
