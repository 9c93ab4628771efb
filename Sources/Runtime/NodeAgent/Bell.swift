import Synchronization

/// Tells any number of listeners that something has changed, and never queues more than one ring for
/// each.
final class Bell: Sendable {
  private struct State {
    var listeners: [UInt64: AsyncStream<Void>.Continuation] = [:]
    var count: UInt64 = 0
  }

  private let state = Mutex(State())

  func ring() {
    self.state.withLock { state in
      // In their order, so that a simulated world is the same each time.
      for (_, listener) in state.listeners.sorted(by: { $0.key < $1.key }) { listener.yield() }
    }
  }

  /// Rings once at first, and once or more after each change, until the listener is cancelled.
  func rings() -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let id = self.state.withLock { state in
      state.count += 1
      state.listeners[state.count] = continuation
      return state.count
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.listeners.removeValue(forKey: id) }
    }
    continuation.yield()
    return stream
  }
}
