import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP server of the test, with the same answer to the same question.
enum StubServer {
  typealias Answers = [String: (status: Int, body: String)]

  /// - Parameters:
  ///   - answers: By method and path; anything else is 404.
  ///   - port: 0: one that the kernel chooses.
  ///   - body: Gets the port.
  static func serving<Result: Sendable>(
    _ answers: Answers, port: Int = 0, _ body: (Int) async throws -> Result
  ) async throws -> Result {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(answers))
        }
      }
      .bind(host: "127.0.0.1", port: port).get()
    do {
      let result = try await body(server.localAddress?.port ?? 0)
      try await server.close()
      return result
    } catch {
      try await server.close()
      throw error
    }
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answers: Answers
    private var question = ""

    init(_ answers: Answers) { self.answers = answers }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch self.unwrapInboundIn(data) {
      case .head(let head): self.question = "\(head.method.rawValue) \(head.uri)"
      case .body: break
      case .end:
        let answer = self.answers[self.question] ?? (404, "")
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
