import Foundation
import Synchronization

/// A server on 127.0.0.1 that keeps what it gets, and always says the same, or nothing.
final class WebhookReceiver: Sendable {
  private static let answerTimeout = timeval(tv_sec: 30, tv_usec: 0)

  let port: Int
  private let descriptor: Int32
  private let received = Mutex<[String]>([])

  /// - Parameters:
  ///   - answer: All bytes of it; `nil`: none, and the connection stays open.
  ///   - port: 0: one that the kernel chooses.
  init(answer: String?, port: Int = 0) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    address.sin_port = in_port_t(port).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
      }
    }
    guard code == 0, listen(descriptor, 16) == 0 else {
      throw LabCluster.LabFault(words: "no port")
    }
    self.descriptor = descriptor
    self.port = Int(in_port_t(bigEndian: address.sin_port))
    Thread.detachNewThread { self.serve(answer) }
  }

  /// A port that nobody listens on.
  static func freePort() throws -> Int {
    let receiver = try WebhookReceiver(answer: "")
    defer { receiver.close() }
    return receiver.port
  }

  var url: String { "http://127.0.0.1:\(self.port)" }

  /// Those that came whole.
  var requests: [String] { self.received.withLock { $0 } }

  func close() {
    shutdown(self.descriptor, Int32(SHUT_RDWR))
    Glibc.close(self.descriptor)
  }

  /// One connection after the other; those that got no answer stay open to the end.
  private func serve(_ answer: String?) {
    var silent: [Int32] = []
    while true {
      let connection = accept(self.descriptor, nil, nil)
      guard connection >= 0 else { break }
      var timeout = Self.answerTimeout
      setsockopt(
        connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
      if let request = Self.request(connection) { self.received.withLock { $0.append(request) } }
      guard let answer else {
        silent.append(connection)
        continue
      }
      _ = answer.withCString { send(connection, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
      Glibc.close(connection)
    }
    for connection in silent { Glibc.close(connection) }
  }

  /// Head and body, by the length that the head says.
  private static func request(_ connection: Int32) -> String? {
    var bytes = Data()
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(connection, &piece, piece.count, 0)
      guard count > 0 else { return nil }
      bytes += piece[..<count]
      guard let text = String(data: bytes, encoding: .utf8),
        let blank = text.range(of: "\r\n\r\n"),
        let name = text.range(of: "content-length: ", options: .caseInsensitive),
        let size = Int(text[name.upperBound...].prefix { $0.isNumber })
      else { continue }
      if text[blank.upperBound...].utf8.count >= size { return text }
    }
  }
}
