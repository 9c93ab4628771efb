import Glibc

/// A blocking call that is waited for only so long: one on a network mount whose server is gone may
/// never return.
enum BoundedCall {
  private final class Job: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` on a thread of its own, which is left to itself when the time is over.
  ///
  /// - Returns: `nil` when it was not done within `limit`, or there is no thread to be had.
  static func run<Value: Sendable>(
    within limit: Duration, clock: some Clock<Duration>, _ body: @escaping @Sendable () -> Value
  ) async -> Value? {
    let (values, feed) = AsyncStream.makeStream(of: Value.self)
    Self.detach {
      feed.yield(body())
      feed.finish()
    } failed: {
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

  private static func detach(_ body: @escaping @Sendable () -> Void, failed: () -> Void) {
    var thread = pthread_t()
    let job = Unmanaged.passRetained(Job(body))
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, job.toOpaque())
    guard status == 0 else {
      job.release()
      return failed()
    }
    pthread_detach(thread)
  }
}
