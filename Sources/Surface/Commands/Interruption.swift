import Dispatch
import Fleet
import Glibc
import Synchronization

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
    Signals.shared.listener.withLock { $0 = feed }
    defer { Signals.shared.listener.withLock { $0 = nil } }
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
        Signals.shared.listener.withLock { $0 = nil }
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

/// What a signal does: it goes to the listener, or where there is none ends the process as if nothing had
/// been set up. Set up once: a source made after another of the same signal hears nothing.
private final class Signals: Sendable {
  static let shared = Signals()

  let listener = Mutex<AsyncStream<Void>.Continuation?>(nil)

  private init() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let before = unsafeBitCast(signal(number, SIG_IGN), to: Int.self)
      // With `nohup` it stays ignored.
      if number == SIGHUP, before == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      // Its handler keeps it: it hears as long as this process lives.
      source.setEventHandler { withExtendedLifetime(source) { Signals.shared.received(number) } }
      source.resume()
    }
  }

  private func received(_ number: Int32) {
    let isHeard = self.listener.withLock { $0?.yield() != nil }
    guard !isHeard else { return }
    signal(number, SIG_DFL)
    kill(getpid(), number)
  }
}
