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

  /// - Throws: What is wrong with the connection or the answer; a probe that hangs is closed.
  func answer(on group: any EventLoopGroup) async throws -> Answer {
    let loop = group.next()
    let promise = loop.makePromise(of: Answer.self)
    let channel: any Channel
    do {
      channel = try await ClientBootstrap(group: loop)
        .connectTimeout(self.timeout)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(
              HTTPProbeHandler(
                promise, timeout: self.timeout, bodySizeMax: self.bodySizeMax))
          }
        }
        // By address: a static program has no resolver to rely on.
        .connect(to: SocketAddress(ipAddress: self.address, port: self.port)).get()
    } catch {
      promise.fail(error)
      throw error
    }
    return try await withTaskCancellationHandler {
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
      return try await promise.futureResult.get()
    } onCancel: {
      channel.close(promise: nil)
    }
  }
}

/// Why there is no answer.
enum HTTPProbeError: Error, Equatable, CustomStringConvertible {
  case timedOut
  case closed
  case tooLarge(max: Int)

  var description: String {
    switch self {
    case .timedOut: "no answer in time"
    case .closed: "the connection was closed before the answer was complete"
    case .tooLarge(let max): "the answer is larger than \(max) bytes"
    }
  }

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

/// Collects one answer, then closes.
private final class HTTPProbeHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private let promise: EventLoopPromise<HTTPProbeRequest.Answer>
  private let timeout: TimeAmount
  private let bodySizeMax: Int
  private var status = 0
  private var body: [UInt8] = []
  private var deadline: Scheduled<Void>?

  init(
    _ promise: EventLoopPromise<HTTPProbeRequest.Answer>, timeout: TimeAmount, bodySizeMax: Int
  ) {
    self.promise = promise
    self.timeout = timeout
    self.bodySizeMax = bodySizeMax
  }

  func channelActive(context: ChannelHandlerContext) {
    self.deadline = context.eventLoop.assumeIsolated().scheduleTask(in: self.timeout) {
      self.settle(.failure(.timedOut), context: context)
    }
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.unwrapInboundIn(data) {
    case .head(let head): self.status = Int(head.status.code)
    case .body(let bytes):
      self.body += bytes.readableBytesView
      if self.body.count > self.bodySizeMax {
        self.settle(.failure(.tooLarge(max: self.bodySizeMax)), context: context)
      }
    case .end: self.settle(.success(.init(status: self.status, body: self.body)), context: context)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.settle(.failure(.closed), context: context)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.deadline?.cancel()
    self.promise.fail(error)
    context.close(promise: nil)
  }

  /// Only the first outcome counts: a promise takes no second.
  private func settle(
    _ result: Result<HTTPProbeRequest.Answer, HTTPProbeError>, context: ChannelHandlerContext
  ) {
    self.deadline?.cancel()
    switch result {
    case .success(let answer): self.promise.succeed(answer)
    case .failure(let error): self.promise.fail(error)
    }
    context.close(promise: nil)
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
