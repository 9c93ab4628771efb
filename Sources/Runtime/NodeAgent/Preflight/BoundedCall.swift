import Dispatch

/// A blocking call that is waited for only so long: one on a network mount whose server is gone may
/// never return.
enum BoundedCall {
  /// Runs `body` on a thread of its own, which is left to itself when the time is over.
  ///
  /// - Returns: `nil` when it was not done within `limit`.
  static func run<Value: Sendable>(
    within limit: Duration, clock: some Clock<Duration>, _ body: @escaping @Sendable () -> Value
  ) async -> Value? {
    let (values, feed) = AsyncStream.makeStream(of: Value.self)
    // A queue that is blocked has a thread to itself.
    DispatchQueue(label: "bounded call").async {
      feed.yield(body())
      feed.finish()
    }
    return await withTaskGroup(of: Value?.self) { tasks in
      tasks.addTask {
        for await value in values { return value }
        return nil
      }
      tasks.addTask {
        try? await clock.sleep(for: limit)
        return nil
      }
      defer { tasks.cancelAll() }
      return await tasks.next() ?? nil
    }
  }
}
