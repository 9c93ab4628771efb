import Fleet
import NIOCore
import Synchronization

/// How many links are opened at once, and when a dropped one is tried again.
///
/// sshd drops connections at random while more than `MaxStartups` (10:30:100) are logging in; a
/// window of 64 keeps the burst at one jump host bearable, and the pauses spread what is dropped.
package final class LinkAdmission: Sendable {
  /// Links that may be opening at a time.
  package static let openingCountMax = 64
  /// Pause before the first new try; doubles, up to ``pauseMax``.
  static let pauseFirst = TimeAmount.milliseconds(50)
  static let pauseMax = TimeAmount.seconds(2)

  private struct State {
    var openCount = 0
    var waiting: [(id: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
    var nextID: UInt64 = 0
    var generator: SplitMix64
  }

  private let state: Mutex<State>
  private let countMax: Int

  /// - Parameters:
  ///   - seed: Of the pauses.
  ///   - countMax: At least 1.
  package init(seed: UInt64, countMax: Int = LinkAdmission.openingCountMax) {
    self.state = Mutex(State(generator: SplitMix64(state: seed)))
    self.countMax = countMax
  }

  /// Runs `body` once there is room.
  ///
  /// - Parameter cancelled: Thrown where the task is cancelled while it waits.
  package func admitted<Result, Fault: Error>(
    orThrow cancelled: Fault, _ body: () async throws(Fault) -> Result
  ) async throws(Fault) -> Result {
    guard await self.enter() else { throw cancelled }
    defer { self.leave() }
    return try await body()
  }

  /// Before try number `attempt`, counted from 0: between half and all of a doubling pause.
  func pause(attempt: Int) -> TimeAmount {
    let whole = min(
      Self.pauseFirst.nanoseconds << Int64(min(attempt, 10)), Self.pauseMax.nanoseconds)
    return self.state.withLock {
      .nanoseconds(Int64.random(in: whole / 2...whole, using: &$0.generator))
    }
  }

  /// `false` when the task was cancelled while it waited.
  private func enter() async -> Bool {
    let id = self.state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isAdmitted: Bool? = self.state.withLock { state in
          // Who is cancelled before this lock is seen here, and whoever is later is seen waiting.
          if Task.isCancelled { return false }
          if state.openCount < self.countMax {
            state.openCount += 1
            return true
          }
          state.waiting.append((id, continuation))
          return nil
        }
        if let isAdmitted { continuation.resume(returning: isAdmitted) }
      }
    } onCancel: {
      let continuation = self.state.withLock { state in
        // Otherwise not waiting yet, or admitted already.
        state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).continuation }
      }
      continuation?.resume(returning: false)
    }
  }

  private func leave() {
    let next = self.state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.openCount -= 1
        return nil as CheckedContinuation<Bool, Never>?
      }
      return state.waiting.removeFirst().continuation
    }
    next?.resume(returning: true)
  }
}
