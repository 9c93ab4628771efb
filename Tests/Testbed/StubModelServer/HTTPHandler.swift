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
  private var sequence: Sequence?

  init(_ engine: ModelEngine) { self.engine = engine }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      (self.head, body, isTooLarge) = (head, [], false)
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
    let path = String(head.uri.prefix { $0 != "?" })
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
    if engine.isDead { throw .engineDead }
    let request = try GenerationRequest(body, isChat: isChat, engine)
    let serial = engine.nextSerial()
    let id = head.headers.first(name: "X-Request-Id") ?? "\(serial)"
    let answer = AnswerBody(
      request: request, id: (isChat ? "chatcmpl-" : "cmpl-") + id, created: time(nil),
      fingerprint: "vllm-0.32.0-57ab0000")
    let drawn = DrawnAnswer(request, salt: serial)
    if request.streams { begin(context, head, answer) }
    let sequence = Sequence(
      prompt: request.prompt, pieces: drawn.pieces, finishReason: drawn.finishReason,
      onPiece: { piece in
        if request.streams { self.event(answer.chunk(piece).text, context) }
      },
      onFinish: { reason in
        guard let sequence = self.sequence else { return }
        self.sequence = nil
        if request.streams {
          self.end(sequence, reason, answer, context, head)
        } else {
          self.send(
            reason == "error" ? .engineDead : .json(answer.whole(sequence, reason)), context, head)
        }
      })
    self.sequence = sequence
    engine.submit(sequence)
  }

  private func begin(
    _ context: ChannelHandlerContext, _ head: HTTPRequestHead, _ answer: AnswerBody
  ) {
    let headers: HTTPHeaders = [
      "server": "uvicorn", "content-type": "text/event-stream; charset=utf-8",
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
    finish(context, head)
  }

  private func event(_ text: String, _ context: ChannelHandlerContext) {
    write(.body(.byteBuffer(ByteBuffer(string: "data: \(text)\n\n"))), context)
    context.flush()
  }

  private func send(_ answer: Answer, _ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    var headers: HTTPHeaders = [
      "server": "uvicorn", "content-length": "\(answer.body.utf8.count)", "vary": "Origin",
    ]
    if !answer.body.isEmpty { headers.add(name: "content-type", value: answer.type) }
    let top = HTTPResponseHead(version: head.version, status: answer.status, headers: headers)
    write(.head(top), context)
    if head.method != .HEAD {
      write(.body(.byteBuffer(ByteBuffer(string: answer.body))), context)
    }
    finish(context, head)
  }

  private func finish(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    let channel = context.channel
    let ended = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    if !head.isKeepAlive { ended.whenComplete { _ in channel.close(promise: nil) } }
  }

  private func write(_ part: HTTPServerResponsePart, _ context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(part), promise: nil)
  }
}
