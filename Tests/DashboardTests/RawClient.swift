import Foundation

/// A connection to 127.0.0.1 that says exactly the bytes it is told to.
final class RawClient {
  private let socket: Int32

  /// - Parameter patience: Of each read, in seconds.
  init(port: Int, patience: Int = 10) throws {
    self.socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var timeout = timeval(tv_sec: patience, tv_usec: 0)
    setsockopt(
      self.socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var address = Self.loopback(port)
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(self.socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw CocoaError(.fileReadUnknown) }
  }

  deinit { close(self.socket) }

  /// The connection's descriptor, for who closes it later than this object would.
  func detached() -> Int32 { dup(self.socket) }

  private static func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  /// A port of 127.0.0.1 that nobody listens on.
  static func freePort() throws -> Int {
    let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = Self.loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, size) == 0 ? getsockname(socket, $0, &size) : -1
      }
    }
    guard status == 0 else { throw CocoaError(.fileReadUnknown) }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// - Parameter closing: Whether the server is to close the connection after its answer.
  func ask(_ method: String, _ path: String, host: String = "127.0.0.1", closing: Bool = true) {
    let lines = [
      "\(method) \(path) HTTP/1.1", "Host: \(host)", closing ? "Connection: close" : "A: b",
    ]
    let bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    _ = send(self.socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// Whether the server has not closed it, where it has answered nothing.
  var isOpen: Bool {
    var byte: UInt8 = 0
    let count = recv(self.socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
    return count < 0 && errno == EAGAIN
  }

  /// Bytes of a request that may not be whole.
  func say(_ text: String) { _ = send(self.socket, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }

  /// The next bytes as text; empty at the end, `nil` when nothing came in time.
  func next() -> String? {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(self.socket, &bytes, bytes.count, 0)
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// All until the other side closes; `nil` when it does not.
  func rest() -> String? {
    var text = ""
    while let next = self.next() {
      if next.isEmpty { return text }
      text += next
    }
    return nil
  }
}
