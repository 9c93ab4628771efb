import Glibc
import OperatingSystem

/// One end of the Unix socket on which a run's daemon listens.
enum DaemonSocket {
  /// Connects, under an address of its own: by that the daemon tells its links apart.
  ///
  /// - Parameter path: The daemon's socket.
  /// - Returns: A connected socket, the caller's to close; `nil` where no daemon listens.
  static func connect(to path: String) throws(SystemFault) -> CInt? {
    let socket = try SystemFault.check("make a socket") {
      Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    }
    do throws(SystemFault) {
      try Self.name(socket, beside: path)
      let result = try Self.withAddress(path) { Glibc.connect(socket, $0, $1) }
      if result == 0 { return socket }
      let code = errno
      // A socket file whose daemon is gone refuses.
      guard code == ENOENT || code == ECONNREFUSED else {
        throw SystemFault("connect to \(path)", code: code)
      }
      close(socket)
      return nil
    } catch {
      close(socket)
      throw error
    }
  }

  /// Names are never used twice: the process and the instant are in them. The file itself is not
  /// needed once the address is taken.
  private static func name(_ socket: CInt, beside path: String) throws(SystemFault) {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    let name = "\(path)-\(getpid())-\(now.tv_sec)\(now.tv_nsec)"
    let result = try Self.withAddress(name) { bind(socket, $0, $1) }
    let code = errno
    unlink(name)
    guard result == 0 else { throw SystemFault("bind \(name)", code: code) }
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) throws(SystemFault) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw SystemFault("use \(path) as a socket", code: ENAMETOOLONG)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
