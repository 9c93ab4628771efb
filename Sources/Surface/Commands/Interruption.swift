import Dispatch
import Fleet
import Glibc
import Synchronization

/// Ctrl-C and TERM as a cancellation: what has been received is kept, then the status is 130.
enum Interruption {
  private static let signals = [SIGINT, SIGTERM, SIGHUP]
  /// How many ``guarding(hint:_:)`` are under way.
  private static let guardCount = Atomic(0)

  /// Where nothing guards against them, signals end the process as by default, when `last` is done.
  ///
  /// - Returns: What waits for them, to be kept.
  static func beforeEnd(
    _ last: @escaping @Sendable () -> Void
  ) -> [any DispatchSourceSignal] {
    let queue = DispatchQueue(label: "signals")
    return Self.signals.compactMap { number in
      // One that is ignored, as below `nohup`, goes on to be.
      if unsafeBitCast(signal(number, SIG_IGN), to: Int.self) == 1 { return nil }
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        guard Self.guardCount.load(ordering: .relaxed) == 0 else { return }
        last()
        signal(number, SIG_DFL)
        kill(getpid(), number)
      }
      source.resume()
      return source
    }
  }

  /// Carries `body` out, and cancels it at the first SIGINT, SIGTERM or SIGHUP.
  ///
  /// - Parameter hint: What to do next, shown after an interrupt.
  /// - Throws: `CommandFailure`30 when interrupted, when `body` has wound up.
  static func guarding<Result: Sendable>(
    hint: String, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    Self.guardCount.add(1, ordering: .relaxed)
    defer { Self.guardCount.subtract(1, ordering: .relaxed) }
    let (signals, feed) = AsyncStream.makeStream(of: Void.self)
    let sources = Self.signals.map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { feed.yield() }
      source.resume()
      return source
    }
    defer { for source in sources { source.cancel() } }
    return try await withThrowingTaskGroup(of: Result?.self) { tasks in
      tasks.addTask { try await body() }
      tasks.addTask {
        for await _ in signals { throw CancellationError() }
        return nil
      }
      defer { tasks.cancelAll() }
      do {
        while let result = try await tasks.next() {
          if let result { return result }
        }
      } catch is CancellationError {
        // A second signal ends the process at once.
        for number in Self.signals { signal(number, SIG_DFL) }
        tasks.cancelAll()
        while let rest = await tasks.nextResult() { _ = rest }
        throw CommandFailure(
          .interrupted, Diagnostic(.warning, code: "interrupted", "interrupted", hints: [hint]))
      }
      throw CommandFailure(.interrupted)
    }
  }

  /// Returns when the task is cancelled.
  @Sendable static func untilCancelled() async {
    let (never, end) = AsyncStream.makeStream(of: Never.self)
    for await _ in never {}
    end.finish()
  }
}
