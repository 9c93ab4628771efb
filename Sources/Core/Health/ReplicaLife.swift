package import Launch

/// Decides the life of one replica over all of its attempts, and what others may see of it.
///
/// It reads no clock and touches no process: the caller tells it what happened and when, calls
/// ``timePassed(at:)`` after that and about ten times a second, and carries out the action that
/// comes back.
///
/// ```
/// waiting ──▶ attempting ──failed──▶ resting ──▶ attempting ──▶ …
///    │            │  (ReplicaMachine)    │
///    └──stopped───┴──over, given up──────┴──stopped──▶ over
/// ```
package struct ReplicaLife<Instant: InstantProtocol & Sendable>: Sendable
where Instant.Duration == Duration {
  package enum Action: Equatable, Sendable {
    case none
    /// Launch the process of ``attempt``, and report with ``launched(processID:at:)`` or
    /// ``launchFailed(_:isLasting:at:)``.
    case launch
    /// Of the attempt that is under way.
    case attempt(ReplicaMachine<Instant>.Action)
    /// Nothing happens any more: tell of it, and report with ``told()``.
    case end
  }

  private enum State: Equatable, Sendable {
    /// Its first attempt has not begun.
    case waiting
    case attempting
    /// Between two attempts.
    case resting(until: Instant)
    case over(isTold: Bool)
  }

  /// What follows a failure.
  private enum Aftermath: Equatable, Sendable {
    case nothing
    case restart(at: Instant, pause: Duration)
    /// Another attempt was to come, and it was told to stop meanwhile.
    case stopped
  }

  package let replica: ReplicaSpecification
  private var budget: RestartBudget<Instant>
  private var state = State.waiting
  private var machine: ReplicaMachine<Instant>
  private var stopIsAsked = false
  /// `nil` while the attempt has not failed.
  private var aftermath: Aftermath?
  private var logHasText = false
  private var status: ReplicaStatus
  /// `nil` until it was read.
  private var lastLogLines: [String]?

  /// What there is yet of the latest attempt that is over.
  package private(set) var remains = ReplicaRemains()

  /// - Parameters:
  ///   - attempt: The first one's number, at least 1.
  ///   - starter: See ``ReplicaStatus/startedBy``.
  ///   - milliseconds: By the node's clock, since 1970.
  package init(
    _ replica: ReplicaSpecification, attempt: Int = 1, restartCountMax: Int,
    startedBy starter: UInt64? = nil, at milliseconds: Int64
  ) {
    self.replica = replica
    self.budget = RestartBudget(countMax: restartCountMax)
    self.machine = ReplicaMachine(replica.launch)
    self.status = ReplicaStatus(key: replica.key, state: .waiting)
    self.status.attempt = attempt
    self.status.startedBy = starter
    self.status.sinceMilliseconds = milliseconds
  }

  /// Counts from 1.
  package var attempt: Int { self.status.attempt }

  /// See ``ReplicaStatus/startedBy``.
  package var startedBy: UInt64? { self.status.startedBy }

  /// Whether nothing happens to it any more, and all there is to say about it is said.
  package var isOver: Bool { self.state == .over(isTold: true) }

  /// Whether nothing happens to it any more, but that is still to be told.
  package var isEnding: Bool { self.state == .over(isTold: false) }

  /// Whether it is on its way to its end, which no other attempt follows, or there.
  package var isLeaving: Bool {
    switch self.state {
    case .waiting: return self.stopIsAsked
    case .attempting:
      if case .restart = self.aftermath { return false }
      return self.machine.isClearing
    case .resting: return false
    case .over: return true
    }
  }

  /// Whether a process of it is, or may be, there.
  package var isAttempting: Bool { self.state == .attempting }

  /// Whether its processes are being ended: only then need they be looked for.
  package var isClearing: Bool { self.machine.isClearing }

  /// Until then ``timePassed(at:)`` has nothing to do, and the status stands, if nothing is reported;
  /// `nil`: for good.
  package var quietUntil: Instant? {
    switch self.state {
    case .attempting: self.machine.quietUntil
    case .resting(let until): until
    case .waiting, .over: nil
    }
  }

  // MARK: What others see

  /// Whether it has failed, and the end of its log is wanted: see ``explained(by:)``.
  package var wantsLogEnd: Bool {
    self.lastLogLines == nil && self.machine.view.phase == .failed
  }

  package mutating func explained(by lines: [String]) {
    self.lastLogLines = lines
  }

  /// - Parameter milliseconds: By the node's clock, since 1970.
  package mutating func status(logPath: String, at milliseconds: Int64) -> ReplicaStatus {
    let view = self.view
    if view.phase != self.status.state { self.status.sinceMilliseconds = milliseconds }
    self.status.state = view.phase
    self.status.reason = view.reason
    self.status.isUnproven = view.isUnproven
    self.status.end = view.end == .unknown ? nil : view.end
    self.status.lastLogLines = self.lastLogLines ?? []
    self.status.logPath = logPath
    if view.end != nil || self.machine.isOver { self.status.processID = 0 }
    return self.status
  }

  private var view: ReplicaMachine<Instant>.View {
    var view = self.machine.view
    switch self.aftermath {
    case nil, .nothing: break
    case .restart(_, let pause):
      view.phase = .backoff
      view.reason += "; attempt \(self.attempt + 1) follows after \(pause.components.seconds) s"
    case .stopped: view.reason += "; it was stopped before another attempt"
    }
    return view
  }

  /// What it shows at the end has been told.
  package mutating func told() {
    switch self.state {
    case .over: self.state = .over(isTold: true)
    case .waiting, .attempting, .resting: preconditionFailure("told in \(self.state)")
    }
  }

  // MARK: Its process

  package mutating func launched(processID: Int64, at now: Instant) {
    self.status.processID = processID
    self.change(at: now) { $0.launched(at: now) }
  }

  /// - Parameters:
  ///   - reason: Exact: which program or folder, and what is wrong with it.
  ///   - isLasting: Whether another attempt would fail as well.
  package mutating func launchFailed(_ reason: String, isLasting: Bool, at now: Instant) {
    self.change(at: now) { $0.launchFailed(reason, isLasting: isLasting) }
  }

  /// Takes up what an earlier supervisor launched; called before all else.
  ///
  /// - Parameter last: As it was shown last; `nil`: it never was.
  package mutating func adopted(
    as last: ReplicaStatus?, processID: Int64, at now: Instant
  ) {
    precondition(self.state == .waiting, "adopted in \(self.state)")
    self.state = .attempting
    self.status.processID = processID
    self.change(at: now) { $0.adopted(as: last, at: now) }
    if self.stopIsAsked { self.stopAsked(at: now) }
  }

  /// Its last attempt, by an earlier supervisor, is over; called before all else.
  package mutating func foundOver(_ reason: String, at now: Instant) {
    precondition(self.state == .waiting, "found over in \(self.state)")
    self.state = .attempting
    self.launchFailed(reason, isLasting: true, at: now)
  }

  package mutating func saw(_ sight: ReplicaSight, at now: Instant) {
    for line in sight.logLines { self.read(line) }
    self.change(at: now) { machine in
      if let end = sight.end { machine.ended(end, lost: sight.lost, at: now) }
      if sight.cleared != nil { machine.cleared() }
    }
    if let remains = sight.cleared { self.remains = remains }
  }

  private mutating func read(_ line: String) {
    if self.replica.launch.progressMarks.contains(where: line.contains) {
      self.machine.progressed()
    }
    if case .log(let text)? = self.replica.launch.probe, line.contains(text) {
      self.logHasText = true
    }
  }

  /// Something of it outlives all that can be done.
  package mutating func gaveUp(_ leftovers: [String]) {
    self.remains.leftovers = leftovers
  }

  // MARK: What it answers

  package mutating func heard(_ note: ProbeNote) {
    switch note {
    case .completionBegan: self.machine.canaryBegan()
    case .systemFingerprint(let text): self.status.systemFingerprint = text
    }
  }

  package mutating func probed(_ outcome: ProbeOutcome, at now: Instant) {
    self.change(at: now) { $0.probed(outcome, at: now) }
  }

  package mutating func looked(_ sight: LivenessSight, at now: Instant) {
    self.change(at: now) { $0.looked(sight, at: now) }
  }

  package mutating func answered(_ outcome: ProbeOutcome, at now: Instant) {
    self.change(at: now) { $0.answered(outcome, at: now) }
  }

  // MARK: Time and will

  package mutating func stopAsked(at now: Instant) {
    self.stopIsAsked = true
    if case .restart = self.aftermath { self.aftermath = .stopped }
    switch self.state {
    case .attempting: self.change(at: now) { $0.stopAsked(at: now) }
    case .resting: self.state = .over(isTold: false)
    // Before its launch it never comes to one; after its end all is said.
    case .waiting, .over: break
    }
  }

  /// Called at least every 100 ms or so; each due action is returned once.
  package mutating func timePassed(at now: Instant) -> Action {
    switch self.state {
    case .waiting:
      self.state = .attempting
      guard self.stopIsAsked else { return .launch }
      self.change(at: now) { machine in
        machine.stopAsked(at: now)
        // There is nothing to be ended.
        machine.launchFailed("")
      }
      return .end
    case .attempting:
      var action = ReplicaMachine<Instant>.Action.none
      self.change(at: now) { action = $0.timePassed(at: now) }
      guard action == .probe, case .log(let text)? = self.replica.launch.probe else {
        return .attempt(action)
      }
      self.probed(
        self.logHasText
          ? .succeeded : .failed("no line of its log contains `\(text)` yet"), at: now)
      return .none
    case .resting(let until):
      guard now >= until else { return .none }
      self.beginAnother()
      return .launch
    case .over:
      return .end
    }
  }

  private mutating func beginAnother() {
    self.state = .attempting
    self.machine = ReplicaMachine(self.replica.launch)
    self.aftermath = nil
    self.logHasText = false
    self.lastLogLines = nil
    self.remains = ReplicaRemains()
    self.status.attempt += 1
    self.status.processID = 0
    self.status.systemFingerprint = ""
  }

  /// An event of the attempt, and what follows if it has failed or is over by it.
  private mutating func change(
    at now: Instant, _ event: (inout ReplicaMachine<Instant>) -> Void
  ) {
    event(&self.machine)
    let view = self.machine.view
    if view.phase == .failed {
      if self.aftermath == nil { self.aftermath = self.decide(view, at: now) }
      // Something of it could not be ended.
      if view.isLasting { self.aftermath = .nothing }
    }
    guard self.machine.isOver, self.state == .attempting else { return }
    if case .restart(let instant, _) = self.aftermath {
      self.state = .resting(until: instant)
    } else {
      self.state = .over(isTold: false)
    }
  }

  private mutating func decide(
    _ view: ReplicaMachine<Instant>.View, at now: Instant
  ) -> Aftermath {
    guard !view.isLasting, !self.stopIsAsked, case .restart(let pause) = self.budget.failed(at: now)
    else { return .nothing }
    return .restart(at: now.advanced(by: pause), pause: pause)
  }
}
