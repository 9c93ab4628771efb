import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Answers by path: a page, an error, half of one, or nothing at all.
final class PageServer: Sendable {
  private let connections = Mutex(0)

  var connectionCount: Int { self.connections.withLock { $0 } }

  /// - Parameter body: Gets the port, on 127.0.0.1.
  func serving<Result: Sendable>(_ body: (Int) async throws -> Result) async throws -> Result {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        self.connections.withLock { $0 += 1 }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler())
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
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

    private var path = ""

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch self.unwrapInboundIn(data) {
      case .head(let head): self.path = head.uri
      case .body: break
      case .end: self.answer(context)
      }
    }

    private func answer(_ context: ChannelHandlerContext) {
      switch self.path {
      case "/metrics": self.write("up 1\n", .ok, context)
      case "/moved": self.write("", .found, context)
      case "/large": self.write(String(repeating: "a", count: 5 << 20), .ok, context)
      case "/half": self.write("up", .ok, context, sizeMissing: 3)
      case "/silent": break
      default: self.write("", .notFound, context)
      }
    }

    private func write(
      _ text: String, _ status: HTTPResponseStatus, _ context: ChannelHandlerContext,
      sizeMissing: Int = 0
    ) {
      var head = HTTPResponseHead(version: .http1_1, status: status)
      head.headers = ["Content-Length": "\(text.utf8.count + sizeMissing)"]
      if status == .found { head.headers.add(name: "Location", value: "/metrics") }
      context.write(self.wrapOutboundOut(.head(head)), promise: nil)
      let body = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: text)))
      context.writeAndFlush(self.wrapOutboundOut(body), promise: nil)
      if sizeMissing == 0 {
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}
