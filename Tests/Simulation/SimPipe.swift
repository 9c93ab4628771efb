import Synchronization

struct SimLinkLost: Error {}

/// One direction of a stream: messages arrive in order, each after a delay; when it breaks, what is
/// on its way is lost.
final class SimPipe<Message: Sendable>: AsyncSequence, Sendable {
  typealias Element = Message
  typealias Stream = AsyncThrowingStream<(at: Duration, message: Message), any Error>

  private let world: SimWorld
  private let stream: Stream
  private let continuation: Stream.Continuation
  private let delayMax: Duration
  private let state = Mutex((last: Duration.zero, isBroken: false))

  init(in world: SimWorld, delayMax: Duration) {
    self.world = world
    self.delayMax = delayMax
    (self.stream, self.continuation) = Stream.makeStream()
  }

  var isBroken: Bool { self.state.withLock { $0.isBroken } }

  func send(_ message: Message) throws {
    let most = Int(self.delayMax / .microseconds(1))
    let delay = self.world.draw { Int.random(in: 0...most, using: &$0) }
    let at = self.world.now + .microseconds(delay)
    let due = try self.state.withLock { state in
      if state.isBroken { throw SimLinkLost() }
      state.last = Swift.max(state.last, at)
      return state.last
    }
    self.continuation.yield((due, message))
  }

  /// The sender has said all: what is on its way arrives.
  func close() { self.continuation.finish() }

  func sever() {
    self.state.withLock { $0.isBroken = true }
    self.continuation.finish(throwing: SimLinkLost())
  }

  func makeAsyncIterator() -> Iterator {
    Iterator(pipe: self, base: self.stream.makeAsyncIterator())
  }

  struct Iterator: AsyncIteratorProtocol {
    let pipe: SimPipe
    var base: Stream.Iterator

    mutating func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> Message? {
      guard let (at, message) = try await self.base.next(isolation: actor) else { return nil }
      if at > self.pipe.world.now { try await self.pipe.world.sleep(until: at) }
      if self.pipe.isBroken { throw SimLinkLost() }
      return message
    }
  }
}
