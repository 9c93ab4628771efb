import Dispatch
import Fleet
import Glibc

/// Ctrl-C and TERM as a cancellation: what has been received is kept, then the status is 130.
enum Interruption {
  /// Carries `body` out, and cancels it at the first SIGINT, SIGTERM or SIGHUP; with `nohup` SIGHUP
  /// stays ignored. Afterwards the signals end the process again.
  ///
  /// - Parameter hint: What to do next, shown after an interrupt.
  /// - Throws: `CommandFailure` with status 130 when interrupted, when `body` has wound up.
  static func guarding<Result: Sendable>(
    hint: String, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    let (signals, feed) = AsyncStream.makeStream(of: Void.self)
    let numbers = [SIGINT, SIGTERM, SIGHUP].filter { number in
      let before = unsafeBitCast(signal(number, SIG_IGN), to: Int.self)
      return number != SIGHUP || before != unsafeBitCast(SIG_IGN, to: Int.self)
    }
    let sources = numbers.map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { feed.yield() }
      source.resume()
      return source
    }
    func obey() {
      for number in numbers { signal(number, SIG_DFL) }
    }
    defer {
      for source in sources { source.cancel() }
      obey()
    }
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
        obey()
        tasks.cancelAll()
        while let rest = await tasks.nextResult() { _ = rest }
        throw CommandFailure(
          .interrupted, [Diagnostic(.warning, code: "interrupted", "interrupted", hints: [hint])])
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
