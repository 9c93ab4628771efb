import NIOCore
import NIOHTTP1

/// Collects one answer, then closes.
final class HTTPProbeHandler: ChannelInboundHandler {
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
