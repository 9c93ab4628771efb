import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP server of the test, with the same answer to the same question.
enum StubServer {
  typealias Answers = [String: (status: Int, body: String)]

  /// No answer at all.
  static let silence = (status: 0, body: "")

  /// - Parameters:
  ///   - answers: By method and path; anything else is 404.
  ///   - host: Where it listens, and nowhere else.
  ///   - port: 0: one that the kernel chooses.
  ///   - key: Who does not show it gets 401.
  ///   - body: Gets the port.
  static func serving<Result: Sendable>(
    _ answers: Answers, host: String = "127.0.0.1", port: Int = 0, key: String? = nil,
    _ body: (Int) async throws -> Result
  ) async throws -> Result {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(answers, key: key))
        }
      }
      .bind(host: host, port: port).get()
    do {
      let result = try await body(server.localAddress?.port ?? 0)
      try await server.close()
      return result
    } catch {
      try await server.close()
      throw error
    }
  }

  /// A port that nobody else gets while `body` runs, and on which nobody listens until `body` does.
  static func withReservedPort<Result>(
    _ body: (Int) async throws -> Result
  ) async throws -> Result {
    let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    defer { close(socket) }
    var yes: CInt = 1
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, size) == 0 ? getsockname(socket, $0, &size) : -1
      }
    }
    guard code == 0 else { throw TestFailure("no port") }
    return try await body(Int(in_port_t(bigEndian: address.sin_port)))
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answers: Answers
    private let key: String?
    private var question = ""
    private var isAllowed = false

    init(_ answers: Answers, key: String?) {
      self.answers = answers
      self.key = key
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch self.unwrapInboundIn(data) {
      case .head(let head):
        self.question = "\(head.method.rawValue) \(head.uri)"
        self.isAllowed =
          self.key.map { head.headers["authorization"] == ["Bearer \($0)"] } ?? true
      case .body: break
      case .end:
        let known = self.answers[self.question] ?? (404, "")
        let answer = self.isAllowed ? known : (status: 401, body: "")
        if answer.status == StubServer.silence.status { return }
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status))
        head.headers = ["Content-Length": String(answer.body.utf8.count)]
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        let body = ByteBuffer(string: answer.body)
        context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}
