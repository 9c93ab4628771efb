import Fleet
import Glibc
import Synchronization

/// A simulated world: every task in it runs on the thread that calls ``run(_:)``, in an order
/// drawn from a seed, on a clock that jumps to the next deadline when nothing is ready.
///
/// The same seed gives the same schedule, so a failing run is reproduced by its seed alone.
/// A job handed over from any other thread means that something escaped the simulation
/// (`Task {}`, `Task.sleep`, an event loop); such hand-overs are counted in
/// ``Outcome/escapeCount`` and a test expects 0.
final class SimWorld: TaskExecutor, Sendable {
  enum Ending: Equatable, Sendable {
    /// The body returned.
    case finished
    /// The body has not returned, and no job is ready and no deadline is pending.
    case stuck
    /// The body has not returned after this many jobs.
    case jobLimitReached(Int)
  }

  struct Outcome: Equatable, Sendable {
    var ending: Ending
    var jobCount: Int
    var elapsed: Duration
    var escapeCount: Int
  }

  private struct Sleeper {
    var deadline: Duration
    var id: Int
    var continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var random: SplitMix64
    var ready: [UnownedJob] = []
    var sleepers: [Sleeper] = []
    var sleeperIDNext = 0
    var now: Duration = .zero
    var jobCount = 0
    var escapeCount = 0
    var isFinished = false
  }

  private let owner = pthread_self()
  private let state: Mutex<State>

  init(seed: UInt64) {
    self.state = Mutex(State(random: SplitMix64(state: seed)))
  }

  // MARK: Executor

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let isEscape = pthread_equal(pthread_self(), self.owner) == 0
    self.state.withLock { state in
      if isEscape { state.escapeCount += 1 }
      state.ready.append(job)
    }
  }

  /// Runs `body` until it returns, nothing can make progress, or `jobCountMax` jobs have run.
  func run(
    jobCountMax: Int = 1_000_000,
    _ body: @escaping @Sendable () async -> Void
  ) -> Outcome {
    _ = Task(executorPreference: self) {
      await body()
      self.state.withLock { $0.isFinished = true }
    }
    while true {
      if let job = self.nextJob() {
        job.runSynchronously(on: self.asUnownedTaskExecutor())
        if self.state.withLock({ $0.jobCount >= jobCountMax }) {
          return self.outcome(.jobLimitReached(jobCountMax))
        }
      } else {
        let due = self.advanceToNextDeadline()
        if due.isEmpty {
          let isFinished = self.state.withLock { $0.isFinished }
          return self.outcome(isFinished ? .finished : .stuck)
        }
        for continuation in due { continuation.resume() }
      }
    }
  }

  private func nextJob() -> UnownedJob? {
    self.state.withLock { state in
      guard !state.ready.isEmpty else { return nil }
      state.jobCount += 1
      let index = Int.random(in: state.ready.indices, using: &state.random)
      return state.ready.remove(at: index)
    }
  }

  private func advanceToNextDeadline() -> [CheckedContinuation<Void, any Error>] {
    self.state.withLock { state in
      guard let deadline = state.sleepers.map(\.deadline).min() else { return [] }
      state.now = deadline
      let due = state.sleepers.filter { $0.deadline == deadline }.map(\.continuation)
      state.sleepers.removeAll { $0.deadline == deadline }
      return due
    }
  }

  private func outcome(_ ending: Ending) -> Outcome {
    self.state.withLock {
      Outcome(
        ending: ending, jobCount: $0.jobCount, elapsed: $0.now, escapeCount: $0.escapeCount)
    }
  }

  // MARK: Clock support

  var now: Duration { self.state.withLock { $0.now } }

  /// Draws from the world's own randomness, for faults and workloads.
  func draw<T>(_ body: (inout SplitMix64) -> T) -> T {
    self.state.withLock { body(&$0.random) }
  }

  func sleep(until deadline: Duration) async throws {
    let id = self.state.withLock { state in
      state.sleeperIDNext += 1
      return state.sleeperIDNext
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
          return
        }
        let isDue = self.state.withLock { state in
          if deadline <= state.now { return true }
          state.sleepers.append(Sleeper(deadline: deadline, id: id, continuation: continuation))
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      let sleeper = self.state.withLock { state -> Sleeper? in
        guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else { return nil }
        return state.sleepers.remove(at: index)
      }
      sleeper?.continuation.resume(throwing: CancellationError())
    }
  }
}
