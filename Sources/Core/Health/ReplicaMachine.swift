package import Launch

/// Decides the state of one attempt at one replica, and when to probe it, end it and give it up.
///
/// It reads no clock and touches no process: the caller tells it what happened and when, calls
/// ``timePassed(at:)`` after that and about ten times a second, and carries out the action that
/// comes back.
///
/// ```
/// waiting ─launched─▶ starting ─mark─▶ loading ─▶ canary ─probe─▶ ready ⇄ busy ⇄ stalled
///                        └──────── deadline, wrong model ───┐        │ (LivenessMachine)
///                               ended by itself, dead ──────┼────────┤
///                                                           ▼        │stop asked
///                                                        failed    stopping ─cleared─▶ stopped
/// ```
/// A replica that has failed is ended like one that is stopped: nothing of it may hold its ports
/// and its memory.
package struct ReplicaMachine<Instant: InstantProtocol & Sendable>: Sendable
where Instant.Duration == Duration {
  package enum Action: Equatable, Sendable {
    case none
    /// Probe once whether it is ready, and report what came of it.
    case probe
    /// Look at what serves, and report with ``looked(_:at:)``.
    case look
    /// Ask for one token, and report with ``canaryAnswered(at:)`` or ``canaryFailed(_:at:)``.
    case canary
    /// TERM to what is there of it.
    case terminate
    /// KILL to everything that is left of it.
    case kill
    /// Nothing more can be done; name what is left.
    case giveUp
  }

  /// What others may see.
  package struct View: Equatable, Sendable {
    package var phase: ReplicaPhase
    /// In words; empty where the phase says it all.
    package var reason = ""
    /// Ready, but nothing was probed.
    package var isUnproven = false
    /// Of the process, once it has ended.
    package var end: ProcessEnd?
    /// It has failed, and would fail again: it cannot be launched, or serves something else.
    package var isLasting = false
  }

  private struct Coming: Equatable, Sendable {
    var phase: ReplicaPhase
    var deadline: Instant
    /// `nil` while a probe is under way.
    var probeAt: Instant?
    var fault: String
    var passedAt: Instant
  }

  private struct Serving: Equatable, Sendable {
    var liveness: LivenessMachine<Instant>
    var isUnproven: Bool
  }

  private struct Outcome: Equatable, Sendable {
    /// `nil`: it is stopped, and has not failed.
    var failure: String?
    var end: ProcessEnd?
    var isLasting = false

    /// - Parameter stop: Its phase, if it has not failed.
    func view(_ stop: ReplicaPhase) -> View {
      View(
        phase: self.failure == nil ? stop : .failed, reason: self.failure ?? "", end: self.end,
        isLasting: self.isLasting)
    }
  }

  private struct Clearing: Equatable, Sendable {
    var outcome: Outcome
    /// `nil` once it is past asking.
    var terminateAt: Instant?
    var killAt: Instant
    /// `nil` before the first KILL.
    var giveUpAt: Instant?
  }

  private enum State: Equatable, Sendable {
    case waiting
    case coming(Coming)
    case serving(Serving)
    case clearing(Clearing)
    case over(Outcome)
  }

  private let launch: LaunchSpecification
  private let liveness: LivenessSettings
  private var state: State = .waiting

  /// How long a process that is not probed must live to count as ready.
  private static var unprovenTime: Duration { .seconds(2) }
  /// From the end of one probe to the start of the next, before it is ready.
  private static var probeInterval: Duration { .milliseconds(500) }
  /// TERM is repeated: vLLM swallows one that comes while it starts.
  private static var terminateInterval: Duration { .seconds(1) }
  /// KILL is repeated for what was forked meanwhile.
  private static var killInterval: Duration { .milliseconds(200) }
  /// After the first KILL, what is left is stuck in the kernel and named as such.
  private static var killTime: Duration { .seconds(10) }

  /// - Parameter launch: Checked.
  package init(_ launch: LaunchSpecification) {
    self.launch = launch
    self.liveness = LivenessSettings(asksCanaries: launch.readiness.asksCanaries)
  }

  /// Else it is alive for ``unprovenTime``.
  private var isProbed: Bool { self.launch.readiness != .life }

  package var view: View {
    switch self.state {
    case .waiting: View(phase: .waiting)
    case .coming(let coming): View(phase: coming.phase, reason: coming.fault)
    case .serving(let serving):
      switch serving.liveness.verdict {
      // What is dead is cleared as soon as time passes.
      case .fine, .dead: View(phase: .ready, isUnproven: serving.isUnproven)
      case .busy(let reason):
        View(phase: .busy, reason: reason, isUnproven: serving.isUnproven)
      case .stalled(let reason):
        View(phase: .stalled, reason: reason, isUnproven: serving.isUnproven)
      }
    case .clearing(let clearing): clearing.outcome.view(.stopping)
    case .over(let outcome): outcome.view(.stopped)
    }
  }

  /// Whether nothing is left of it, or what is left was given up.
  package var isOver: Bool {
    if case .over = self.state { true } else { false }
  }

  /// Whether it is being ended: only then need its processes be looked for.
  package var isClearing: Bool {
    if case .clearing = self.state { true } else { false }
  }

  // MARK: The process

  package mutating func launched(at now: Instant) {
    switch self.state {
    case .waiting: self.begin(at: now)
    case .clearing: break  // It was told to stop while it was being launched.
    case .coming, .serving, .over: preconditionFailure("launched in \(self.state)")
    }
  }

  /// As ``ReplicaLife/launchFailed(_:isLasting:at:)``.
  package mutating func launchFailed(_ reason: String, isLasting: Bool = true) {
    switch self.state {
    case .waiting: self.state = .over(Outcome(failure: reason, isLasting: isLasting))
    case .clearing: self.state = .over(Outcome())
    case .coming, .serving, .over: preconditionFailure("launch failed in \(self.state)")
    }
  }

  /// Takes up a process that an earlier supervisor launched, where that one left off. What was ready
  /// is taken at its word; what was not has all of its time again.
  ///
  /// - Parameter status: As it was shown last; `nil`: it never was.
  package mutating func adopted(as status: ReplicaStatus?, at now: Instant) {
    precondition(self.state == .waiting, "adopted in \(self.state)")
    switch status?.state {
    case nil, .waiting, .starting, .loading, .canary, .draining, .backoff: self.begin(at: now)
    case .ready, .busy, .stalled: self.serve(isUnproven: status?.isUnproven == true, at: now)
    case .stopping, .stopped: self.clear(Outcome(), at: now)
    case .failed: self.clear(Outcome(failure: status?.reason), at: now)
    }
  }

  /// The process itself is gone; others of the replica may be left.
  ///
  /// - Parameter lost: Processes of it that had ended before, in words; empty: none is known.
  package mutating func ended(_ end: ProcessEnd, lost: String = "", at now: Instant) {
    switch self.state {
    case .coming, .serving:
      // vLLM ends with 0 when its engine was killed: only a task may end well.
      let isWell = self.launch.isTask && end == .exited(status: 0)
      let cause = lost.isEmpty ? "" : " after \(lost)"
      let words = if case .exited = end { "\(end) by itself" } else { "\(end)" }
      let failure = isWell ? nil : "its process \(words)\(cause)"
      self.clear(Outcome(failure: failure, end: end), at: now)
    case .clearing(var clearing):
      clearing.outcome.end = clearing.outcome.end ?? end
      // What it leaves behind is told at once.
      if clearing.terminateAt != nil { clearing.terminateAt = now }
      self.state = .clearing(clearing)
    case .waiting, .over: preconditionFailure("ended in \(self.state)")
    }
  }

  /// Nothing of the replica is left.
  package mutating func cleared() {
    switch self.state {
    case .clearing(let clearing): self.state = .over(clearing.outcome)
    case .waiting, .coming, .serving, .over: preconditionFailure("cleared in \(self.state)")
    }
  }

  // MARK: What it shows

  // A line of the log, a probe or a look that outlived its state is ignored: then these are `nil`.

  private var coming: Coming? {
    get { if case .coming(let coming) = self.state { coming } else { nil } }
    set { if let newValue { self.state = .coming(newValue) } }
  }

  private var serving: Serving? {
    get { if case .serving(let serving) = self.state { serving } else { nil } }
    set { if let newValue { self.state = .serving(newValue) } }
  }

  /// Its log shows that it loads.
  package mutating func progressed() {
    if self.coming?.phase == .starting { self.coming?.phase = .loading }
  }

  /// Its server answers, and the completion has been sent.
  package mutating func canaryBegan() { self.coming?.phase = .canary }

  /// What came of a probe whether it is ready.
  package mutating func probed(_ outcome: ProbeOutcome, at now: Instant) {
    switch outcome {
    case .succeeded: if self.coming != nil { self.serve(isUnproven: false, at: now) }
    case .failed(let reason):
      self.coming?.fault = reason
      self.coming?.probeAt = now.advanced(by: Self.probeInterval)
    case .wrong(let reason): self.provedWrong(reason, at: now)
    }
  }

  package mutating func looked(_ sight: LivenessSight, at now: Instant) {
    self.serving?.liveness.looked(sight, at: now)
  }

  /// What came of a canary.
  package mutating func answered(_ outcome: ProbeOutcome, at now: Instant) {
    switch outcome {
    case .succeeded: self.serving?.liveness.canaryAnswered(at: now)
    case .failed(let reason): self.serving?.liveness.canaryFailed(reason, at: now)
    case .wrong(let reason): self.provedWrong(reason, at: now)
    }
  }

  private mutating func serve(isUnproven: Bool, at now: Instant) {
    self.state = .serving(
      Serving(
        liveness: LivenessMachine(
          self.liveness, asksCanaries: self.launch.readiness.asksCanaries, at: now),
        isUnproven: isUnproven))
  }

  private mutating func provedWrong(_ reason: String, at now: Instant) {
    switch self.state {
    case .coming, .serving: self.clear(Outcome(failure: reason, isLasting: true), at: now)
    case .waiting, .clearing, .over: break  // The probe outlived the state.
    }
  }

  // MARK: Time and will

  package mutating func stopAsked(at now: Instant) {
    switch self.state {
    case .waiting, .coming, .serving: self.clear(Outcome(), at: now)
    case .clearing, .over: break  // Asked twice, or it ended meanwhile.
    }
  }

  /// Called at least every 100 ms or so; each due action is returned once.
  package mutating func timePassed(at now: Instant) -> Action {
    switch self.state {
    case .waiting, .over: return .none
    case .coming(let coming): return self.timePassed(coming, at: now)
    case .serving(let serving): return self.timePassed(serving, at: now)
    case .clearing(let clearing): return self.timePassed(clearing, at: now)
    }
  }

  /// Until then ``timePassed(at:)`` has nothing to do, and the view stands, if nothing is reported;
  /// `nil`: for good.
  package var quietUntil: Instant? {
    switch self.state {
    case .waiting, .over: return nil
    case .coming(let coming):
      let until = coming.passedAt.advanced(by: self.liveness.ownGapMax / 2)
      return min(coming.deadline, coming.probeAt ?? until, until)
    case .serving(let serving): return serving.liveness.quietUntil
    case .clearing(let clearing):
      let killAt = min(clearing.killAt, clearing.terminateAt ?? clearing.killAt)
      return min(killAt, clearing.giveUpAt ?? killAt)
    }
  }

  private mutating func timePassed(_ coming: Coming, at now: Instant) -> Action {
    var coming = coming
    let gap = coming.passedAt.duration(to: now)
    // While the agent did not run, nobody could see that it was ready.
    if gap > self.liveness.ownGapMax {
      coming.deadline = coming.deadline.advanced(by: gap)
    }
    coming.passedAt = now
    self.state = .coming(coming)
    if now >= coming.deadline, self.isProbed {
      let fault = coming.fault.isEmpty ? "its probe has not been answered" : coming.fault
      let failure = "not ready within \(self.launch.readyTimeoutSeconds) s: \(fault)"
      self.clear(Outcome(failure: failure), at: now)
      return self.timePassed(at: now)
    }
    guard let probeAt = coming.probeAt, now >= probeAt else { return .none }
    if !self.isProbed {
      self.serve(isUnproven: true, at: now)
      return .none
    }
    coming.probeAt = nil
    self.state = .coming(coming)
    return .probe
  }

  private mutating func timePassed(_ serving: Serving, at now: Instant) -> Action {
    var serving = serving
    let action = serving.liveness.timePassed(at: now)
    if case .dead(let reason) = serving.liveness.verdict {
      self.clear(Outcome(failure: reason), at: now)
      return self.timePassed(at: now)
    }
    self.state = .serving(serving)
    switch action {
    case .none: return .none
    case .look: return .look
    case .canary: return .canary
    }
  }

  private mutating func timePassed(_ clearing: Clearing, at now: Instant) -> Action {
    var clearing = clearing
    if let giveUpAt = clearing.giveUpAt, now >= giveUpAt {
      let failure = clearing.outcome.failure ?? "processes of it outlived KILL"
      // What is left of it would be in the way of another attempt.
      self.state = .over(
        Outcome(failure: failure, end: clearing.outcome.end, isLasting: true))
      return .giveUp
    }
    if now >= clearing.killAt {
      clearing.killAt = now.advanced(by: Self.killInterval)
      clearing.giveUpAt = clearing.giveUpAt ?? now.advanced(by: Self.killTime)
      clearing.terminateAt = nil
      self.state = .clearing(clearing)
      return .kill
    }
    guard let terminateAt = clearing.terminateAt, now >= terminateAt else { return .none }
    clearing.terminateAt = now.advanced(by: Self.terminateInterval)
    self.state = .clearing(clearing)
    return .terminate
  }

  private mutating func begin(at now: Instant) {
    self.state = .coming(
      Coming(
        phase: .starting, deadline: now.advanced(by: .seconds(self.launch.readyTimeoutSeconds)),
        probeAt: now.advanced(by: self.isProbed ? .zero : Self.unprovenTime), fault: "",
        passedAt: now))
  }

  private mutating func clear(_ outcome: Outcome, at now: Instant) {
    self.state = .clearing(
      Clearing(
        outcome: outcome, terminateAt: now,
        killAt: now.advanced(by: .seconds(self.launch.stopGraceSeconds))))
  }
}
