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
  /// When the latest look began, and the latest that told whether its processes compute: what they
  /// show is of the beginning.
  private var lookBeganAt: Instant
  private var processorSeenAt: Instant
  /// When the agent last found that it had not run.
  private var excusedAt: Instant
  /// When the counters were last seen: what moves between two looks is not known before.
  private var countersSeenAt: Instant
  private var canary: Canary
  private var movedAt: Instant
  private var computedAt: Instant
  private var counters: EngineCounters?
  /// Answers in a row that showed none.
  private var blindCount = 0
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
    self.lookBeganAt = now
    self.processorSeenAt = now
    self.excusedAt = now
    self.countersSeenAt = now
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
    self.note(sight.processorTime, at: self.lookBeganAt)
    switch sight.answer {
    case .fine(let counters):
      self.failures = nil
      guard let counters else {
        self.blindCount += 1
        // Work that was seen once is no sign of work for good: completions show whether it is stuck.
        if self.blindCount >= self.settings.failureCountMin { self.counters = nil }
        break
      }
      self.blindCount = 0
      self.countersSeenAt = now
      if let before = self.counters {
        if before != counters { self.moved(at: now) }
      } else {
        self.movedAt = now
      }
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
    // Between then and the next look lies a pause of the agent's own.
    if now < self.excusedAt { return }
    defer { self.processorTime = time.map { ProcessorTime(time: $0, at: now) } }
    guard let time else {
      self.processorSeenAt = now
      return
    }
    // A first one tells nothing.
    guard let before = self.processorTime else { return }
    self.processorSeenAt = now
    let passed = before.at.duration(to: now)
    if passed > .zero, (time - before.time) / passed >= self.settings.computingShare {
      self.computedAt = now
    }
  }

  // MARK: Time

  package mutating func timePassed(at now: Instant) -> Action {
    let gap = self.passedAt.duration(to: now)
    if gap > self.settings.ownGapMax { self.excuse(gap, at: now) }
    self.passedAt = now
    if let lookAt = self.lookAt, now >= lookAt {
      self.lookBeganAt = now
      self.lookAt = nil
      return .look
    }
    guard self.asksCanaries, self.canary.underWaySince == nil, now >= self.canary.dueAt else {
      return .none
    }
    self.canary.underWaySince = now
    return .canary
  }

  /// The agent did not run: for as long, nobody else could be seen to. What it learnt when it had just
  /// come back is of now.
  private mutating func excuse(_ gap: Duration, at now: Instant) {
    let later = { (instant: Instant) in min(instant.advanced(by: gap), now) }
    self.movedAt = later(self.movedAt)
    self.computedAt = later(self.computedAt)
    self.canary.underWaySince = self.canary.underWaySince.map(later)
    if let since = self.failures?.since { self.failures?.since = later(since) }
    self.processorTime = nil
    self.excusedAt = now
  }

  /// Until then ``timePassed(at:)`` has nothing to do, and the verdict stands, if nothing is reported.
  /// Not so far off that whoever waits for it seems not to have run.
  package var quietUntil: Instant {
    if let failures = self.failures, failures.count >= self.settings.failureCountMin,
      case .dead = failures.answer
    {
      return self.passedAt
    }
    var until = self.passedAt.advanced(by: self.settings.ownGapMax / 2)
    if let lookAt = self.lookAt { until = min(until, lookAt) }
    if self.asksCanaries, self.canary.underWaySince == nil { until = min(until, self.canary.dueAt) }
    if let since = self.failures?.since { self.quiet(&until, since, self.settings.stallTime) }
    if self.canary.failureCount >= self.settings.failureCountMin {
      self.quiet(&until, self.movedAt, self.settings.computingStallTime)
    }
    guard let asked = self.canary.underWaySince else { return until }
    let rests = max(asked, self.movedAt)
    self.quiet(&until, rests, self.settings.busyTime)
    self.quiet(&until, rests, self.settings.stallTime)
    self.quiet(&until, rests, self.settings.computingStallTime)
    return until
  }

  private func quiet(_ until: inout Instant, _ since: Instant, _ time: Duration) {
    let change = since.advanced(by: time)
    if change > self.passedAt { until = min(until, change) }
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
      let rest = self.movedAt.duration(to: self.passedAt)
      // A step that takes minutes answers no completion either.
      let isLong = rest >= self.settings.computingStallTime || !self.computes
      return isLong ? .stalled(self.canary.failure) : .busy(self.canary.failure)
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

  /// As of the last look.
  private var computes: Bool {
    self.computedAt.duration(to: self.processorSeenAt) < self.settings.busyTime
  }

  private var verdictOnMovement: Verdict {
    let hasWork = self.counters?.hasWork ?? false
    let rest: Duration
    if hasWork {
      // As of the last look that saw them: one look that is late or lost shows nothing.
      rest = self.movedAt.duration(to: self.countersSeenAt)
    } else if let asked = self.canary.underWaySince {
      rest = max(asked, self.movedAt).duration(to: self.passedAt)
    } else {
      return .fine
    }
    guard rest >= self.settings.busyTime else { return .fine }
    let work = hasWork ? "requests run" : "a completion is unanswered"
    guard rest >= self.settings.stallTime else { return .busy("\(work) and no counter moves") }
    let computes = self.computes
    if computes, rest < self.settings.computingStallTime {
      return .busy("\(work) and no counter moves, but it computes")
    }
    return .stalled(
      computes
        ? "\(work) and no counter has moved for \(self.settings.computingStallTime), though it computes"
        : "\(work), no counter moves and nothing computes")
  }
}
