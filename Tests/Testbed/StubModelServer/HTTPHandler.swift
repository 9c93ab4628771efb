import Glibc
import NIOCore
import NIOHTTP1

/// One connection: gathers a request, answers it whole or as a stream of events.
final class HTTPHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private static let bodyLimit = 32 << 20
  private let engine: ModelEngine
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []
  private var isTooLarge = false
  private var began = NIODeadline.uptimeNanoseconds(0)
  private var sequence: Sequence?

  init(_ engine: ModelEngine) { self.engine = engine }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      (self.head, body, isTooLarge, began) = (head, [], false, .now())
    case .body(let bytes):
      isTooLarge = isTooLarge || body.count + bytes.readableBytes > Self.bodyLimit
      if !isTooLarge { body.append(contentsOf: bytes.readableBytesView) }
    case .end:
      guard let head else { return }
      respond(context, head)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    if let sequence { engine.drop(sequence) }
    sequence = nil
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func respond(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    let path = Self.path(head)
    if isTooLarge {
      send(.failure(.payloadTooLarge, "Bad Request", "Request body too large"), context, head)
    } else if head.method == .POST, Routes.generates(path) {
      do throws(Answer) {
        try generate(context, head, isChat: path == Routes.chat)
      } catch {
        send(error, context, head)
      }
    } else {
      send(Routes.answer(head.method, path, body, engine), context, head)
    }
  }

  private func generate(
    _ context: ChannelHandlerContext, _ head: HTTPRequestHead, isChat: Bool
  ) throws(Answer) {
    if engine.isDead { throw engine.refuse() }
    let type = head.headers.first(name: "content-type")?.prefix { $0 != ";" }.lowercased()
    guard type == "application/json" else { throw .wrongType }
    let request = try GenerationRequest(body, isChat: isChat, engine)
    guard engine.accepts() else { throw .busy }
    let serial = engine.nextSerial()
    let id = head.headers.first(name: "X-Request-Id") ?? "\(serial)"
    let answer = AnswerBody(
      request: request, id: (isChat ? "chatcmpl-" : "cmpl-") + id, created: time(nil),
      fingerprint: engine.options.manner == .sglang ? "" : "vllm-0.32.0-57ab0000")
    let drawn = DrawnAnswer(request, salt: serial)
    if request.streams { begin(context, head, answer) }
    let sequence = Sequence(
      prompt: request.prompt, maxTokens: request.maxTokens, pieces: drawn.pieces,
      finishReason: drawn.finishReason,
      onPiece: { piece in
        guard request.streams else { return }
        if request.mayCall { self.engine.toolParser.ran(streaming: true, foundCall: true) }
        self.event(answer.chunk(piece).text, context)
      },
      onFinish: { reason in
        guard let sequence = self.sequence else { return }
        self.sequence = nil
        if request.streams {
          self.end(sequence, reason, answer, context, head)
        } else {
          self.send(self.whole(sequence, reason, answer), context, head)
        }
      })
    self.sequence = sequence
    engine.submit(sequence)
  }

  private func whole(_ sequence: Sequence, _ reason: String, _ answer: AnswerBody) -> Answer {
    if reason == "error" { return .engineDead }
    let body = answer.whole(sequence, reason)
    if answer.request.mayCall {
      let calls = body["choices"]?.array?.first?["message"]?["tool_calls"]
      engine.toolParser.ran(streaming: false, foundCall: calls != nil)
    }
    return .json(body)
  }

  private func begin(
    _ context: ChannelHandlerContext, _ head: HTTPRequestHead, _ answer: AnswerBody
  ) {
    let headers: HTTPHeaders = [
      "date": HTTPDate.now, "server": "uvicorn", "content-type": "text/event-stream; charset=utf-8",
      "transfer-encoding": "chunked",
    ]
    write(.head(HTTPResponseHead(version: head.version, status: .ok, headers: headers)), context)
    if answer.request.isChat { event(answer.opening.text, context) }
  }

  private func end(
    _ sequence: Sequence, _ reason: String, _ answer: AnswerBody,
    _ context: ChannelHandlerContext, _ head: HTTPRequestHead
  ) {
    if reason == "error" {
      event(Answer.engineDead.body, context)
    } else {
      event(answer.closing(reason).text, context)
      if answer.request.includesUsage { event(answer.usageChunk(sequence).text, context) }
    }
    event("[DONE]", context)
    finish(context, head, status: .ok, bytes: 0)
  }

  private func event(_ text: String, _ context: ChannelHandlerContext) {
    write(.body(.byteBuffer(ByteBuffer(string: "data: \(text)\n\n"))), context)
    context.flush()
  }

  private func send(_ answer: Answer, _ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    var headers: HTTPHeaders = [
      "date": HTTPDate.now, "server": "uvicorn", "content-length": "\(answer.body.utf8.count)",
      "vary": "Origin",
    ]
    if !answer.body.isEmpty { headers.add(name: "content-type", value: answer.type) }
    let top = HTTPResponseHead(version: head.version, status: answer.status, headers: headers)
    write(.head(top), context)
    if head.method != .HEAD {
      write(.body(.byteBuffer(ByteBuffer(string: answer.body))), context)
    }
    finish(context, head, status: answer.status, bytes: answer.body.utf8.count)
  }

  private func finish(
    _ context: ChannelHandlerContext, _ head: HTTPRequestHead, status: HTTPResponseStatus,
    bytes: Int
  ) {
    if let handler = Routes.handler(Self.path(head)) {
      let sent = head.headers.first(name: "content-length").flatMap { Int($0) }
      let exchange = HTTPCounts.Exchange(
        handler: handler, method: head.method.rawValue, status: Int(status.code),
        requestBytes: sent ?? 0, responseBytes: bytes,
        seconds: Double((NIODeadline.now() - began).nanoseconds) / 1e9)
      engine.http.observe(exchange, now: ProcessFacts.now)
    }
    let channel = context.channel
    let ended = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    if !head.isKeepAlive { ended.whenComplete { _ in channel.close(promise: nil) } }
  }

  private static func path(_ head: HTTPRequestHead) -> String {
    String(head.uri.prefix { $0 != "?" })
  }

  private func write(_ part: HTTPServerResponsePart, _ context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(part), promise: nil)
  }
}
