import Synchronization

/// What a node should do, as it stands: kept over links, so that a new one is told all of it.
final class NodeOrders: Sendable {
  struct Wanted: Equatable, Sendable {
    /// Services that have been started, in order.
    var services: [String] = []
    var isStopAsked = false
    /// A node on which something runs is left as it is: this launch has started nothing.
    var sparesWhatRuns = false
  }

  private struct State {
    var wanted = Wanted()
    var listener: AsyncStream<Wanted>.Continuation?
  }

  private let state = Mutex(State())

  /// What is wanted now, then after each change; replaces an earlier subscription. Only the latest
  /// state is kept, since each says everything.
  func subscribe() -> AsyncStream<Wanted> {
    let (stream, listener) = AsyncStream.makeStream(
      of: Wanted.self, bufferingPolicy: .bufferingNewest(1))
    let replaced = self.state.withLock { state in
      let replaced = state.listener
      state.listener = listener
      listener.yield(state.wanted)
      return replaced
    }
    replaced?.finish()
    return stream
  }

  func change(_ change: (inout Wanted) -> Void) {
    self.state.withLock { state in
      change(&state.wanted)
      state.listener?.yield(state.wanted)
    }
  }
}
