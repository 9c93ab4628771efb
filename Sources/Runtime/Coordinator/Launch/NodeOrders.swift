import Synchronization

/// What a node should do, as it stands.
package struct LaunchOrder: Equatable, Sendable {
  /// Services that have been started, in order.
  package var services: [String]
  package var isStopAsked: Bool

  package init(services: [String] = [], isStopAsked: Bool = false) {
    self.services = services
    self.isStopAsked = isStopAsked
  }
}

/// The order of one node: kept over links, so that a new one is told all of it.
final class NodeOrders: Sendable {
  private struct State {
    var order = LaunchOrder()
    var listener: AsyncStream<LaunchOrder>.Continuation?
    var isExamined = false
  }

  private let state = Mutex(State())

  /// Whether the node has been looked at in this launch.
  var isExamined: Bool {
    get { self.state.withLock { $0.isExamined } }
    set { self.state.withLock { $0.isExamined = newValue } }
  }

  /// What is wanted now, then after each change; replaces an earlier subscription. Only the latest
  /// order is kept, since each says everything.
  func subscribe() -> AsyncStream<LaunchOrder> {
    let (stream, listener) = AsyncStream.makeStream(
      of: LaunchOrder.self, bufferingPolicy: .bufferingNewest(1))
    let replaced = self.state.withLock { state in
      let replaced = state.listener
      state.listener = listener
      listener.yield(state.order)
      return replaced
    }
    replaced?.finish()
    return stream
  }

  func give(_ order: LaunchOrder) {
    self.state.withLock { state in
      if state.order == order { return }
      state.order = order
      state.listener?.yield(order)
    }
  }
}
