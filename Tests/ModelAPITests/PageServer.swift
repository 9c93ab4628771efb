import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Answers by path: a page, an error, half of one, one without an end, or nothing at all.
final class PageServer: Sendable {
  struct Request: Equatable, Sendable {
    var method: String
    var path: String
    var contentType: String
    var body: String
  }

  private let connections = Mutex(0)
  private let whole = Mutex<[Request]>([])

  var connectionCount: Int { self.connections.withLock { $0 } }
  /// Those that came whole, in their order.
  var requests: [Request] { self.whole.withLock { $0 } }

  /// - Parameter body: Gets the port, on 127.0.0.1.
  func serving<Result: Sendable>(_ body: (Int) async throws -> Result) async throws -> Result {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        self.connections.withLock { $0 += 1 }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(self))
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

    private let server: PageServer
    private var request = Request(method: "", path: "", contentType: "", body: "")

    init(_ server: PageServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch self.unwrapInboundIn(data) {
      case .head(let head):
        self.request = Request(
          method: head.method.rawValue, path: head.uri,
          contentType: head.headers.first(name: "content-type") ?? "", body: "")
      case .body(let bytes): self.request.body += String(buffer: bytes)
      case .end:
        self.server.whole.withLock { $0.append(self.request) }
        self.answer(context)
      }
    }

    private func answer(_ context: ChannelHandlerContext) {
      switch self.request.path {
      case "/metrics": self.write("up 1\n", .ok, context)
      case "/moved": self.write("", .found, context)
      case "/large": self.write(String(repeating: "a", count: 5 << 20), .ok, context)
      case "/half": self.write("up", .ok, context, sizeMissing: 3)
      case "/silent": break
      case "/taken": self.write("", .noContent, context)
      case "/broken": self.write("no", .internalServerError, context)
      case "/closed": context.close(promise: nil)
      case "/endless": self.writeEndless(context)
      default: self.write("", .notFound, context)
      }
    }

    /// A head, and then a byte whenever the last one was sent.
    private func writeEndless(_ context: ChannelHandlerContext) {
      let head = HTTPResponseHead(version: .http1_1, status: .ok)
      context.write(self.wrapOutboundOut(.head(head)), promise: nil)
      self.writeByte(NIOLoopBound(context, eventLoop: context.eventLoop))
    }

    private func writeByte(_ context: NIOLoopBound<ChannelHandlerContext>) {
      let byte = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: "a")))
      let handler = NIOLoopBound(self, eventLoop: context.value.eventLoop)
      context.value.writeAndFlush(self.wrapOutboundOut(byte)).whenSuccess {
        handler.value.writeByte(context)
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
