import NIOCore
import SSH

/// Stands above the pipe while the agent is found, pushed and started; gives way to HTTP/2.
final class AgentGreetingHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private var greeting = AgentGreeting()
  private var input = ByteBuffer()
  private(set) var isOver = false
  private var deadline: Scheduled<Void>?
  private let firstDeadline: NIODeadline
  private let pushDeadline: NIODeadline
  private let events: AsyncStream<AgentGreeting.Event>.Continuation

  /// - Parameters:
  ///   - deadline: By the event loop's clock, for the agent's preface.
  ///   - pushDeadline: For the preface, once the image is wanted.
  ///   - events: Ends after `ready`, or the event that says why not.
  init(
    deadline: NIODeadline, pushDeadline: NIODeadline,
    events: AsyncStream<AgentGreeting.Event>.Continuation
  ) {
    self.firstDeadline = deadline
    self.pushDeadline = pushDeadline
    self.events = events
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.setDeadline(self.firstDeadline, context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.deadline?.cancel()
    if self.isOver, self.input.readableBytes > 0 {
      context.fireChannelRead(self.wrapInboundOut(self.input))
      context.fireChannelReadComplete()
    }
    self.end(with: .closed(noise: self.greeting.noiseText))
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.input.writeImmutableBuffer(self.unwrapInboundIn(data))
    while !self.isOver {
      var bytes = Array(self.input.readableBytesView)[...]
      let count = bytes.count
      let event = self.greeting.received(&bytes)
      self.input.moveReaderIndex(forwardBy: count - bytes.count)
      guard let event else { return }
      switch event {
      case .agentFound, .placeUnfit: self.events.yield(event)
      case .imageWanted:
        self.setDeadline(self.pushDeadline, context)
        self.events.yield(event)
      case .noPlace, .ready, .noDaemon, .failed, .timedOut, .closed: self.end(with: event)
      }
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.end(with: .closed(noise: self.greeting.noiseText))
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The cause is in the command's end; before HTTP/2 nobody above listens.
    context.close(promise: nil)
  }

  /// An image takes longer than a greeting.
  func setDeadline(_ deadline: NIODeadline, _ context: ChannelHandlerContext) {
    self.deadline?.cancel()
    let handler = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    self.deadline = context.eventLoop.scheduleTask(deadline: deadline) {
      let (handler, context) = handler.value
      handler.end(with: .timedOut)
      context.close(promise: nil)
    }
  }

  private func end(with event: AgentGreeting.Event) {
    guard !self.isOver else { return }
    self.isOver = true
    self.deadline?.cancel()
    self.events.yield(event)
    self.events.finish()
  }
}
