import Glibc
import Launch
import NIOCore
import NIOHTTP1
import NIOPosix

/// One HTTP/1.1 request to this machine, on a connection of its own.
struct HTTPProbeRequest: Sendable {
  /// An answer to a probe is small; `/v1/models` of vLLM has below 2 KiB.
  static let answerSizeMax = 1 << 20

  struct Answer: Sendable {
    var status: Int
    var body: [UInt8]
  }

  var method: HTTPMethod = .GET
  /// Of this machine, in digits.
  var address = ModelServer.loopback
  var port: Int
  var path: String
  /// Sent as JSON; empty: none.
  var body: [UInt8] = []
  /// Sent as a bearer's; empty: none.
  var key = ""
  /// For the connection, and again from there to the last byte of the answer.
  var timeout: TimeAmount
  /// Bytes of the answer beyond which it is no longer read.
  var bodySizeMax = Self.answerSizeMax
  /// Nothing is sent before it has shown who answers; `nil`: anybody may.
  var proof: AskedListener?

  /// A redirection is an answer as any other: nothing is sent to where it points.
  ///
  /// - Throws: What is wrong with the connection or the answer; a probe that hangs is closed.
  func answer(on group: any EventLoopGroup) async throws -> Answer {
    let listeners = try await self.proof?.sockets(at: self.address, self.port)
    let loop = group.next()
    // By address: a static program has no resolver to rely on.
    let channel = try await ClientBootstrap(group: loop).connectTimeout(self.timeout)
      .connect(to: SocketAddress(ipAddress: self.address, port: self.port)) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          return try NIOAsyncChannel<HTTPClientResponsePart, Never>(
            wrappingChannelSynchronously: channel)
        }
      }
    let deadline = loop.now + self.timeout
    let limit = loop.scheduleTask(deadline: deadline) { channel.channel.close(promise: nil) }
    defer { limit.cancel() }
    return try await channel.executeThenClose { inbound in
      if let listeners { try await self.proof?.confirm(listeners, at: self.address, self.port) }
      self.send(over: channel.channel)
      var answer = Answer(status: 0, body: [])
      for try await part in inbound {
        switch part {
        case .head(let head): answer.status = Int(head.status.code)
        case .body(let bytes):
          answer.body += bytes.readableBytesView
          guard answer.body.count <= self.bodySizeMax else {
            throw HTTPProbeError.tooLarge(max: self.bodySizeMax)
          }
        case .end: return answer
        }
      }
      throw loop.now < deadline ? HTTPProbeError.closed : .timedOut
    }
  }

  private func send(over channel: any Channel) {
    var head = HTTPRequestHead(version: .http1_1, method: self.method, uri: self.path)
    let host = self.address.contains(":") ? "[\(self.address)]" : self.address
    head.headers = ["Host": "\(host):\(self.port)", "Connection": "close"]
    if !self.key.isEmpty { head.headers.add(name: "Authorization", value: "Bearer \(self.key)") }
    if !self.body.isEmpty {
      head.headers.add(name: "Content-Type", value: "application/json")
      head.headers.add(name: "Content-Length", value: String(self.body.count))
    }
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if !self.body.isEmpty {
      let body = HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: self.body)))
      channel.write(body, promise: nil)
    }
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
  }
}

/// Why there is no answer.
enum HTTPProbeError: Error, Equatable, CustomStringConvertible {
  case timedOut
  case closed
  /// Somebody listens who is not the replica; in words. Empty: nobody is seen to.
  case stranger(String)
  case tooLarge(max: Int)

  var description: String {
    switch self {
    case .timedOut: "no answer in time"
    case .closed: "the connection was closed before the answer was complete"
    case .stranger(""):
      "it accepts connections and no process is seen to listen: it is not asked, as it may not be "
        + "this replica's"
    case .stranger(let name): "\(name) listens there, which is not this replica's: it is not asked"
    case .tooLarge(let max): "the answer is larger than \(max) bytes"
    }
  }

  var isStranger: Bool { if case .stranger = self { true } else { false } }

  /// Why a request has no answer, in words.
  static func reason(_ error: any Error) -> String {
    switch error {
    case let error as HTTPProbeError: error.description
    case let error as IOError where error.errnoCode == ECONNREFUSED: "nobody accepts connections"
    case is ChannelError: "no connection in time"
    default: "\(error)"
    }
  }
}

extension ModelServer {
  static let loopback = "127.0.0.1"

  /// Where a probe on its node finds it, of IPv4 or IPv6 in digits. A name would have to be looked up: it
  /// is taken to mean this machine, as the address of all interfaces does.
  var probedAddress: String {
    var four = [UInt8](repeating: 0, count: 4)
    var six = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, self.host, &four) == 1 {
      return four.allSatisfy { $0 == 0 } ? Self.loopback : self.host
    }
    if self.host != "::", inet_pton(AF_INET6, self.host, &six) == 1 { return self.host }
    return Self.loopback
  }
}
