import NIOPosix

/// Threads for calls that wait for a disk or a process: neither the event loop nor the threads of
/// Swift's tasks may.
final class BlockingCalls: Sendable {
  /// One slow disk must not hold up the replicas on another.
  private static let threadCount = 4
  private let pool: NIOThreadPool

  init() {
    self.pool = NIOThreadPool(numberOfThreads: Self.threadCount)
    self.pool.start()
  }

  /// - Throws: What `body` throws; `CancellationError` where the task was cancelled before.
  func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await self.pool.runIfActive(body)
  }

  /// Changes a value, which stays as it was where that throws.
  func change<Value: Sendable, Result: Sendable>(
    _ value: inout Value, _ body: @escaping @Sendable (inout Value) -> Result
  ) async throws -> Result {
    let (after, result) = try await self.run { [before = value] in
      var value = before
      let result = body(&value)
      return (value, result)
    }
    value = after
    return result
  }

  func end() async throws {
    try await self.pool.shutdownGracefully()
  }
}
