/// Decides whether a replica that was ready works, is slow, or is stuck.
///
/// It reads no clock: the caller tells it what it saw and when, calls ``timePassed(at:)`` after that
/// and about ten times a second, and carries out the action that comes back.
///
/// What counts as life is movement: of the engine's counters, of its KV cache, or a completion that
/// came back. Work without movement is `busy` while the processes compute and `stalled` when they do
/// not. An engine without work is asked for a completion now and then, because one that is stuck looks
/// as one that rests. When the agent itself was not running, all clocks stand still for as long.
package struct LivenessMachine<Instant: InstantProtocol & Sendable>: Equatable, Sendable
where Instant.Duration == Duration {
  package enum Action: Equatable, Sendable {
    case none
    /// Look once, and report with ``looked(_:at:)``.
    case look
    /// Ask for one token, and report with ``canaryAnswered(at:)`` or ``canaryFailed(_:at:)``.
    case canary
  }

  package enum Verdict: Equatable, Sendable {
    case fine
    /// Slow, and alive. The reason in words.
    case busy(String)
    /// Nothing moves. The reason in words.
    case stalled(String)
    /// It will not serve again. The reason in words.
    case dead(String)
  }

  private struct Failures: Equatable, Sendable {
    var count = 0
    var since: Instant
    var answer: LivenessSight.Answer
  }

  private struct Canary: Equatable, Sendable {
    var dueAt: Instant
    var underWaySince: Instant?
    var failureCount = 0
    var failure = ""
  }

  private struct ProcessorTime: Equatable, Sendable {
    var time: Duration
    var at: Instant
  }

  private let settings: LivenessSettings
  private let asksCanaries: Bool
  /// `nil` while a look is under way.
  private var lookAt: Instant?
  private var canary: Canary
  private var movedAt: Instant
  private var computedAt: Instant
  private var counters: EngineCounters?
  private var processorTime: ProcessorTime?
  private var stoppedProcess = ""
  private var stoppedCount = 0
  private var failures: Failures?
  private var passedAt: Instant

  /// - Parameters:
  ///   - asksCanaries: Whether it serves completions.
  ///   - now: When it became ready.
  package init(
    _ settings: LivenessSettings = LivenessSettings(), asksCanaries: Bool, at now: Instant
  ) {
    self.settings = settings
    self.asksCanaries = asksCanaries
    self.lookAt = now.advanced(by: settings.lookInterval)
    self.canary = Canary(dueAt: now.advanced(by: settings.canaryRest))
    self.movedAt = now
    self.computedAt = now
    self.passedAt = now
  }

  // MARK: What was seen

  package mutating func looked(_ sight: LivenessSight, at now: Instant) {
    self.lookAt = now.advanced(by: self.settings.lookInterval)
    self.stoppedCount = sight.stoppedProcess == nil ? 0 : self.stoppedCount + 1
    self.stoppedProcess = sight.stoppedProcess ?? ""
    self.note(sight.processorTime, at: now)
    switch sight.answer {
    case .fine(let counters):
      self.failures = nil
      guard let counters else { break }
      if let before = self.counters, before != counters { self.moved(at: now) }
      self.counters = counters
    case .refused, .unanswered, .faulty, .dead:
      var failures = self.failures ?? Failures(since: now, answer: sight.answer)
      failures.count += 1
      failures.answer = sight.answer
      self.failures = failures
    }
  }

  package mutating func canaryAnswered(at now: Instant) {
    self.canary.underWaySince = nil
    self.moved(at: now)
  }

  /// - Parameter reason: In words.
  package mutating func canaryFailed(_ reason: String, at now: Instant) {
    self.canary.underWaySince = nil
    self.canary.failureCount += 1
    self.canary.failure = reason
    self.canary.dueAt = now.advanced(by: self.settings.lookInterval)
  }

  private mutating func moved(at now: Instant) {
    self.movedAt = now
    self.canary.failureCount = 0
    self.canary.dueAt = now.advanced(by: self.settings.canaryRest)
  }

  private mutating func note(_ time: Duration?, at now: Instant) {
    if let time, let before = self.processorTime {
      let passed = before.at.duration(to: now)
      if passed > .zero, (time - before.time) / passed >= self.settings.computingShare {
        self.computedAt = now
      }
    }
    self.processorTime = time.map { ProcessorTime(time: $0, at: now) }
  }

  // MARK: Time

  package mutating func timePassed(at now: Instant) -> Action {
    let gap = self.passedAt.duration(to: now)
    if gap > self.settings.ownGapMax { self.excuse(gap) }
    self.passedAt = now
    if let lookAt = self.lookAt, now >= lookAt {
      self.lookAt = nil
      return .look
    }
    guard self.asksCanaries, self.canary.underWaySince == nil, now >= self.canary.dueAt else {
      return .none
    }
    self.canary.underWaySince = now
    return .canary
  }

  /// The agent did not run: for as long, nobody else could be seen to.
  private mutating func excuse(_ gap: Duration) {
    self.movedAt = self.movedAt.advanced(by: gap)
    self.computedAt = self.computedAt.advanced(by: gap)
    self.canary.underWaySince = self.canary.underWaySince?.advanced(by: gap)
    if let since = self.failures?.since { self.failures?.since = since.advanced(by: gap) }
    self.processorTime = nil
  }

  // MARK: Verdict

  /// As of the last ``timePassed(at:)``.
  package var verdict: Verdict {
    if self.stoppedCount >= self.settings.failureCountMin {
      return .stalled("\(self.stoppedProcess) is stopped")
    }
    if let failures = self.failures, failures.count >= self.settings.failureCountMin {
      return self.verdict(on: failures)
    }
    if self.canary.failureCount >= self.settings.failureCountMin {
      return .stalled(self.canary.failure)
    }
    return self.verdictOnMovement
  }

  private func verdict(on failures: Failures) -> Verdict {
    let isLong = failures.since.duration(to: self.passedAt) >= self.settings.stallTime
    switch failures.answer {
    case .fine: return .fine
    case .refused(let reason), .unanswered(let reason), .faulty(let reason):
      return isLong ? .stalled(reason) : .busy(reason)
    case .dead(let reason): return .dead(reason)
    }
  }

  private var verdictOnMovement: Verdict {
    let hasWork = self.counters?.hasWork ?? false
    let restsSince: Instant
    if hasWork {
      restsSince = self.movedAt
    } else if let asked = self.canary.underWaySince {
      restsSince = max(asked, self.movedAt)
    } else {
      return .fine
    }
    let rest = restsSince.duration(to: self.passedAt)
    guard rest >= self.settings.busyTime else { return .fine }
    let work = hasWork ? "requests run" : "a completion is unanswered"
    guard rest >= self.settings.stallTime else { return .busy("\(work) and no counter moves") }
    let computes = self.computedAt.duration(to: self.passedAt) < self.settings.busyTime
    if computes, rest < self.settings.computingStallTime {
      return .busy("\(work) and no counter moves, but it computes")
    }
    return .stalled(
      computes
        ? "\(work) and no counter has moved for \(self.settings.computingStallTime), though it computes"
        : "\(work), no counter moves and nothing computes")
  }
}

extension LivenessSettings {
  /// From the last movement to the next completion that is asked.
  var canaryRest: Duration {
    self.canaryInterval - self.canaryTimeout - self.lookInterval * 2
  }
}
