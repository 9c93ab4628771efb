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

  fileprivate struct Timer {
    var deadline: Duration
    var id: Int
    /// `nil`: whoever sleeps is resumed.
    var body: (@Sendable () -> Void)?

    static func < (lhs: Self, rhs: Self) -> Bool {
      (lhs.deadline, lhs.id) < (rhs.deadline, rhs.id)
    }
  }

  fileprivate struct State {
    var random: SplitMix64
    var ready: [UnownedJob] = []
    /// A binary heap, the next first.
    var timers: [Timer] = []
    var timerCount = 0
    var sleepers: [Int: CheckedContinuation<Void, any Error>] = [:]
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
      } else if self.state.withLock({ $0.isFinished }) {
        return self.outcome(.finished)
      } else if !self.advanceToNextDeadline() {
        return self.outcome(.stuck)
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

  /// - Returns: Whether there was one.
  private func advanceToNextDeadline() -> Bool {
    guard let first = self.state.withLock({ $0.popTimer() }) else { return false }
    var due = [first]
    self.state.withLock { state in
      state.now = max(state.now, first.deadline)
      while let next = state.popTimer(at: first.deadline) { due.append(next) }
    }
    for timer in due {
      if let body = timer.body {
        body()
      } else {
        self.state.withLock { $0.sleepers.removeValue(forKey: timer.id) }?.resume()
      }
    }
    return true
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

  /// Carries `body` out at that time, before anyone who sleeps until then wakes up if it was said before.
  func at(_ deadline: Duration, _ body: @escaping @Sendable () -> Void) {
    self.state.withLock { _ = $0.addTimer(deadline, body) }
  }

  func sleep(until deadline: Duration) async throws {
    let id = Mutex<Int?>(nil)
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
          return
        }
        let isDue = self.state.withLock { state in
          if deadline <= state.now { return true }
          let number = state.addTimer(deadline, nil)
          state.sleepers[number] = continuation
          id.withLock { $0 = number }
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      let sleeper = id.withLock(\.self).flatMap { number in
        self.state.withLock { $0.sleepers.removeValue(forKey: number) }
      }
      sleeper?.resume(throwing: CancellationError())
    }
  }
}

extension SimWorld.State {
  /// - Returns: The timer's number.
  fileprivate mutating func addTimer(
    _ deadline: Duration, _ body: (@Sendable () -> Void)?
  ) -> Int {
    self.timerCount += 1
    let timer = SimWorld.Timer(deadline: deadline, id: self.timerCount, body: body)
    var index = self.timers.count
    self.timers.append(timer)
    while index > 0 {
      let parent = (index - 1) / 2
      if self.timers[parent] < timer { break }
      self.timers[index] = self.timers[parent]
      index = parent
    }
    self.timers[index] = timer
    return self.timerCount
  }

  /// The next one, without those of sleepers that were cancelled.
  ///
  /// - Parameter deadline: `nil` where there is none of that time.
  fileprivate mutating func popTimer(at deadline: Duration? = nil) -> SimWorld.Timer? {
    while let first = self.timers.first, deadline.map({ $0 == first.deadline }) ?? true,
      let last = self.timers.popLast()
    {
      let count = self.timers.count
      if count > 0 {
        var index = 0
        while true {
          var child = 2 * index + 1
          if child >= count { break }
          if child + 1 < count, self.timers[child + 1] < self.timers[child] { child += 1 }
          if last < self.timers[child] { break }
          self.timers[index] = self.timers[child]
          index = child
        }
        self.timers[index] = last
      }
      if first.body != nil || self.sleepers[first.id] != nil { return first }
    }
    return nil
  }
}
