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
    package var reason: String
    /// Ready, but nothing was probed.
    package var isUnproven: Bool
    /// Of the process, once it has ended.
    package var end: ProcessEnd?
    /// It has failed, and would fail again: it cannot be launched, or serves something else.
    package var isLasting = false

    package init(
      phase: ReplicaPhase, reason: String, isUnproven: Bool, end: ProcessEnd? = nil,
      isLasting: Bool = false
    ) {
      self.isLasting = isLasting
      self.phase = phase
      self.reason = reason
      self.isUnproven = isUnproven
      self.end = end
    }
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

  private struct Clearing: Equatable, Sendable {
    /// `nil`: it is being stopped, and has not failed.
    var failure: String?
    var isLasting: Bool
    var end: ProcessEnd?
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
    case over(failure: String?, end: ProcessEnd?, isLasting: Bool)
  }

  private let settings: ReplicaSettings
  private var state: State = .waiting

  package init(_ settings: ReplicaSettings) {
    self.settings = settings
  }

  package var view: View {
    switch self.state {
    case .waiting: View(phase: .waiting, reason: "", isUnproven: false)
    case .coming(let coming): View(phase: coming.phase, reason: coming.fault, isUnproven: false)
    case .serving(let serving): Self.view(of: serving)
    case .clearing(let clearing):
      View(
        phase: clearing.failure == nil ? .stopping : .failed, reason: clearing.failure ?? "",
        isUnproven: false, end: clearing.end, isLasting: clearing.isLasting)
    case .over(let failure, let end, let isLasting):
      View(
        phase: failure == nil ? .stopped : .failed, reason: failure ?? "", isUnproven: false,
        end: end, isLasting: isLasting)
    }
  }

  private static func view(of serving: Serving) -> View {
    var view = View(phase: .ready, reason: "", isUnproven: serving.isUnproven)
    switch serving.liveness.verdict {
    case .fine, .dead: break  // What is dead is cleared as soon as time passes.
    case .busy(let reason): (view.phase, view.reason) = (.busy, reason)
    case .stalled(let reason): (view.phase, view.reason) = (.stalled, reason)
    }
    return view
  }

  /// Whether nothing is left of it, or what is left was given up.
  package var isOver: Bool {
    switch self.state {
    case .over: true
    case .waiting, .coming, .serving, .clearing: false
    }
  }

  /// Whether it is being ended: only then need its processes be looked for.
  package var isClearing: Bool {
    switch self.state {
    case .clearing: true
    case .waiting, .coming, .serving, .over: false
    }
  }

  // MARK: The process

  package mutating func launched(at now: Instant) {
    switch self.state {
    case .waiting: self.state = .coming(self.coming(at: now))
    case .clearing: break  // It was told to stop while it was being launched.
    case .coming, .serving, .over: preconditionFailure("launched in \(self.state)")
    }
  }

  /// - Parameters:
  ///   - reason: Exact: which program or folder, and what is wrong with it.
  ///   - isLasting: Whether another attempt would fail as well.
  package mutating func launchFailed(_ reason: String, isLasting: Bool = true) {
    switch self.state {
    case .waiting: self.state = .over(failure: reason, end: nil, isLasting: isLasting)
    case .clearing: self.state = .over(failure: nil, end: nil, isLasting: false)
    case .coming, .serving, .over: preconditionFailure("launch failed in \(self.state)")
    }
  }

  /// Takes up a process that an earlier supervisor launched, where that one left off. What was ready
  /// is taken at its word; what was not has all of its time again.
  package mutating func adopted(as adoption: ReplicaAdoption, at now: Instant) {
    switch self.state {
    case .waiting:
      switch adoption {
      case .coming: self.state = .coming(self.coming(at: now))
      case .ready(let isUnproven): self.serve(isUnproven: isUnproven, at: now)
      case .stopping: self.clear(failure: nil, end: nil, at: now)
      case .failed(let reason): self.clear(failure: reason, end: nil, at: now)
      }
    case .coming, .serving, .clearing, .over: preconditionFailure("adopted in \(self.state)")
    }
  }

  /// The process itself is gone; others of the replica may be left.
  ///
  /// - Parameter lost: Processes of it that had ended before, in words; empty: none is known.
  package mutating func ended(_ end: ProcessEnd, lost: String = "", at now: Instant) {
    switch self.state {
    case .coming, .serving:
      // vLLM ends with 0 when its engine was killed: only a task may end well.
      let isWell = self.settings.isTask && end == .exited(status: 0)
      let cause = lost.isEmpty ? "" : " after \(lost)"
      let words = if case .exited = end { "\(end) by itself" } else { "\(end)" }
      self.clear(failure: isWell ? nil : "its process \(words)\(cause)", end: end, at: now)
    case .clearing(var clearing):
      clearing.end = clearing.end ?? end
      // What it leaves behind is told at once.
      if clearing.terminateAt != nil { clearing.terminateAt = now }
      self.state = .clearing(clearing)
    case .waiting, .over: preconditionFailure("ended in \(self.state)")
    }
  }

  /// Nothing of the replica is left.
  package mutating func cleared() {
    switch self.state {
    case .clearing(let clearing):
      self.state = .over(
        failure: clearing.failure, end: clearing.end, isLasting: clearing.isLasting)
    case .waiting, .coming, .serving, .over: preconditionFailure("cleared in \(self.state)")
    }
  }

  // MARK: What it shows

  /// Its log shows that it loads.
  package mutating func progressed() {
    switch self.state {
    case .coming(var coming):
      if coming.phase == .starting { coming.phase = .loading }
      self.state = .coming(coming)
    case .waiting, .serving, .clearing, .over: break  // A late line of the log.
    }
  }

  /// Its server answers, and the completion has been sent.
  package mutating func canaryBegan() {
    switch self.state {
    case .coming(var coming):
      coming.phase = .canary
      self.state = .coming(coming)
    case .waiting, .serving, .clearing, .over: break  // The probe outlived the state.
    }
  }

  package mutating func probeSucceeded(at now: Instant) {
    switch self.state {
    case .coming: self.serve(isUnproven: false, at: now)
    case .waiting, .serving, .clearing, .over: break  // The probe outlived the state.
    }
  }

  package mutating func probeFailed(_ reason: String, at now: Instant) {
    switch self.state {
    case .coming(var coming):
      coming.fault = reason
      coming.probeAt = now.advanced(by: ReplicaSettings.probeInterval)
      self.state = .coming(coming)
    case .waiting, .serving, .clearing, .over: break  // The probe outlived the state.
    }
  }

  package mutating func looked(_ sight: LivenessSight, at now: Instant) {
    self.serving { $0.looked(sight, at: now) }
  }

  package mutating func canaryAnswered(at now: Instant) {
    self.serving { $0.canaryAnswered(at: now) }
  }

  /// - Parameter reason: In words.
  package mutating func canaryFailed(_ reason: String, at now: Instant) {
    self.serving { $0.canaryFailed(reason, at: now) }
  }

  private mutating func serving(_ change: (inout LivenessMachine<Instant>) -> Void) {
    switch self.state {
    case .serving(var serving):
      change(&serving.liveness)
      self.state = .serving(serving)
    case .waiting, .coming, .clearing, .over: break  // The look outlived the state.
    }
  }

  private mutating func serve(isUnproven: Bool, at now: Instant) {
    self.state = .serving(
      Serving(
        liveness: LivenessMachine(
          self.settings.liveness, asksCanaries: self.settings.asksCanaries, at: now),
        isUnproven: isUnproven))
  }

  /// It serves something else than it should.
  ///
  /// - Parameter reason: Names both.
  package mutating func provedWrong(_ reason: String, at now: Instant) {
    switch self.state {
    case .coming, .serving: self.clear(failure: reason, isLasting: true, end: nil, at: now)
    case .waiting, .clearing, .over: break  // The probe outlived the state.
    }
  }

  // MARK: Time and will

  package mutating func stopAsked(at now: Instant) {
    switch self.state {
    case .waiting, .coming, .serving: self.clear(failure: nil, end: nil, at: now)
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
      let until = coming.passedAt.advanced(by: self.settings.liveness.ownGapMax / 2)
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
    if gap > self.settings.liveness.ownGapMax {
      coming.deadline = coming.deadline.advanced(by: gap)
    }
    coming.passedAt = now
    self.state = .coming(coming)
    if now >= coming.deadline, self.settings.isProbed {
      let fault = coming.fault.isEmpty ? "its probe has not been answered" : coming.fault
      self.clear(
        failure: "not ready within \(self.settings.readyTimeout.components.seconds) s: \(fault)",
        end: nil, at: now)
      return self.timePassed(at: now)
    }
    guard let probeAt = coming.probeAt, now >= probeAt else { return .none }
    if !self.settings.isProbed {
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
      self.clear(failure: reason, end: nil, at: now)
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
      let failure = clearing.failure ?? "processes of it outlived KILL"
      // What is left of it would be in the way of another attempt.
      self.state = .over(failure: failure, end: clearing.end, isLasting: true)
      return .giveUp
    }
    if now >= clearing.killAt {
      clearing.killAt = now.advanced(by: ReplicaSettings.killInterval)
      clearing.giveUpAt = clearing.giveUpAt ?? now.advanced(by: ReplicaSettings.killTime)
      clearing.terminateAt = nil
      self.state = .clearing(clearing)
      return .kill
    }
    guard let terminateAt = clearing.terminateAt, now >= terminateAt else { return .none }
    clearing.terminateAt = now.advanced(by: ReplicaSettings.terminateInterval)
    self.state = .clearing(clearing)
    return .terminate
  }

  private func coming(at now: Instant) -> Coming {
    let first = self.settings.isProbed ? Duration.zero : ReplicaSettings.unprovenTime
    return Coming(
      phase: .starting, deadline: now.advanced(by: self.settings.readyTimeout),
      probeAt: now.advanced(by: first), fault: "", passedAt: now)
  }

  private mutating func clear(
    failure: String?, isLasting: Bool = false, end: ProcessEnd?, at now: Instant
  ) {
    self.state = .clearing(
      Clearing(
        failure: failure, isLasting: isLasting, end: end, terminateAt: now,
        killAt: now.advanced(by: self.settings.stopGrace)))
  }
}
