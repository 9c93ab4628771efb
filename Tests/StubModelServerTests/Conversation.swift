import Foundation
import Glibc

/// An answer with its body put together.
struct HTTPAnswer {
  let status: Int
  /// Names in lower case.
  let headers: [String: String]
  let body: String

  func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(self.body.utf8))
    } catch { throw TestFailure("not a \(type): \(self.body)") }
  }

  /// The data of a stream's events.
  var events: [String] {
    self.body.split(separator: "\n\n").map { String($0.trimmingPrefix("data: ")) }
  }
}

/// One connection to a server of this machine, read with blocking calls.
final class Conversation {
  struct Refused: Error {}

  private let socket: Int32
  private var bytes: [UInt8] = []

  /// - Throws: `Refused` where nobody listens.
  init(port: Int) throws {
    self.socket = Glibc.socket(
      AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = Self.loopback(port)
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(self.socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else {
      throw errno == ECONNREFUSED ? Refused() : TestFailure("no connection: errno \(errno)")
    }
  }

  deinit { close(self.socket) }

  /// A port that nobody has, and that the kernel gives to nobody else soon.
  static func freePort() throws -> Int {
    let holder = Glibc.socket(
      AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(holder) }
    var address = Self.loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(holder, $0, size) | getsockname(holder, $0, &size)
      }
    }
    guard status == 0 else { throw TestFailure("no port: errno \(errno)") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  private static func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port).bigEndian)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  func write(_ text: String) throws {
    let sent = Array(text.utf8)
    guard send(self.socket, sent, sent.count, Int32(MSG_NOSIGNAL)) == sent.count else {
      throw TestFailure("not sent: errno \(errno)")
    }
  }

  /// Whether anything comes within the time.
  func hears(within milliseconds: Int32) -> Bool {
    var waited = pollfd(fd: self.socket, events: Int16(POLLIN), revents: 0)
    return poll(&waited, 1, milliseconds) == 1
  }

  /// Returns when the answer so far has the words.
  func wait(for words: String) throws {
    while !String(decoding: self.bytes, as: UTF8.self).contains(words) {
      guard try self.read() else { throw TestFailure("the answer ended without `\(words)`") }
    }
  }

  /// Reads to the end of the connection.
  func answer() throws -> HTTPAnswer {
    while try self.read() {}
    let text = String(decoding: self.bytes, as: UTF8.self)
    // A carriage return and line feed are one Character.
    guard let gap = text.firstRange(of: "\r\n\r\n") else {
      throw TestFailure("not an answer: `\(text)`")
    }
    let lines = text[..<gap.lowerBound].split(separator: "\r\n")
    guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { throw TestFailure("no status: `\(text)`") }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { throw TestFailure("not a header: `\(line)`") }
      headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    let rest = String(text[gap.upperBound...])
    let isChunked = headers["transfer-encoding"] == "chunked"
    return HTTPAnswer(
      status: status, headers: headers, body: try isChunked ? Self.joined(rest) : rest)
  }

  /// The content of chunks; those of the stub hold ASCII only, so that characters count as bytes.
  private static func joined(_ text: String) throws -> String {
    var (rest, body) = (Array(text.utf8)[...], [UInt8]())
    while let end = rest.firstIndex(of: 13) {
      guard let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16),
        rest.endIndex >= end + 4 + size
      else { break }
      if size == 0 { return String(decoding: body, as: UTF8.self) }
      body += rest[(end + 2)..<(end + 2 + size)]
      rest = rest[(end + 4 + size)...]
    }
    throw TestFailure("the chunks have no end: `\(text)`")
  }

  /// False at the end of the connection.
  private func read() throws -> Bool {
    guard self.hears(within: 30_000) else { throw TestFailure("no answer within 30 s") }
    var block = [UInt8](repeating: 0, count: 65_536)
    let count = recv(self.socket, &block, block.count, 0)
    guard count >= 0 else { throw TestFailure("connection lost: errno \(errno)") }
    self.bytes += block[..<count]
    return count > 0
  }
}
