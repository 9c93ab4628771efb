import Glibc
import Health
import Launch
import NIOCore
import NodeAPI
import Synchronization

/// One attempt at one replica, from its launch to the proof that nothing of it is left. Looks at the
/// processes, the log and the clock ten times a second, tells the machine, and does what it says.
final class ReplicaRun<RunClock: Clock & Sendable>: Sendable where RunClock.Duration == Duration {
  struct Context: Sendable {
    let clock: RunClock
    let wallClockMilliseconds: @Sendable () -> Int64
    let board: StatusBoard
    let events: EventLog
    let blocking: BlockingCalls
    let group: any EventLoopGroup
  }

  private struct State {
    var machine: ReplicaMachine<RunClock.Instant>
    var phase = ReplicaPhase.waiting
    var sinceMilliseconds: Int64
    var stopIsAsked = false
    var logHasText = false
    var start: ProcessRecord.Start?
    var lastLogLines: [String] = []
    var logEvents = LogEventFilter()
    /// When all was done that can be.
    var remains = ReplicaRemains()
    var isOver = false
    var aftermath = Aftermath.undecided
    /// By its last canary; empty: unknown.
    var systemFingerprint = ""
  }

  /// What follows a failure.
  private enum Aftermath {
    case undecided
    /// Nothing; with the words to add to the reason.
    case nothing(String)
    case restart(at: RunClock.Instant, pause: Duration)
  }

  /// From one look to the next.
  private static var interval: Duration { .milliseconds(100) }
  /// Lines of the log that come with a failure.
  private static var logLineCount: Int { 20 }

  let replica: ReplicaSpecification
  let attempt: Int
  let folder: ReplicaFolder
  let log: ReplicaLog
  private let launch: ReplicaLaunch
  private let marks: [String]
  private let runMark: String
  private let context: Context
  /// Shared by all attempts at the replica.
  private let budget: SharedRestartBudget<RunClock.Instant>
  private let state: Mutex<State>

  /// - Parameter environment: Of the process, complete.
  convenience init(
    _ replica: ReplicaSpecification, attempt: Int, folder: ReplicaFolder, identity: AgentIdentity,
    environment: [String: String], budget: SharedRestartBudget<RunClock.Instant>, context: Context
  ) {
    self.init(
      replica, attempt: attempt, folder: folder,
      launch: ReplicaLaunch(
        specification: replica.launch, folder: folder, attempt: attempt, environment: environment),
      marks: ReplicaProcesses.marks(of: identity, replica.key)
        .map { "\($0.name)=\($0.value)" },
      runMark: ReplicaProcesses.runMark(of: identity),
      budget: budget, context: context)
  }

  private init(
    _ replica: ReplicaSpecification, attempt: Int, folder: ReplicaFolder, launch: ReplicaLaunch,
    marks: [String], runMark: String, budget: SharedRestartBudget<RunClock.Instant>,
    context: Context
  ) {
    self.replica = replica
    self.attempt = attempt
    self.folder = folder
    self.log = ReplicaLog(path: folder.log(ofAttempt: attempt))
    self.launch = ReplicaLaunch(
      specification: replica.launch, folder: folder, attempt: attempt,
      environment: launch.environment)
    self.marks = marks
    self.runMark = runMark
    self.context = context
    self.budget = budget
    self.state = Mutex(
      State(
        machine: ReplicaMachine(ReplicaSettings(replica.launch)),
        sinceMilliseconds: context.wallClockMilliseconds()))
  }

  var key: ReplicaKey { self.replica.key }

  /// Whether nothing happens to it any more, and all there is to say about it is said.
  var isOver: Bool { self.state.withLock { $0.isOver } }
  var remains: ReplicaRemains { self.state.withLock { $0.remains } }

  var stopIsAsked: Bool { self.state.withLock { $0.stopIsAsked } }

  /// Takes effect at the next look.
  func askToStop() {
    self.state.withLock { $0.stopIsAsked = true }
  }

  /// When another attempt begins; `nil`: none does.
  var restartInstant: RunClock.Instant? {
    self.state.withLock { state in
      if case .restart(let instant, _) = state.aftermath, !state.isOver { return instant }
      return nil
    }
  }

  /// The attempt after this one. It takes this one's place.
  func successor() -> ReplicaRun {
    self.state.withLock { $0.isOver = true }
    return ReplicaRun(
      self.replica, attempt: self.attempt + 1, folder: self.folder, launch: self.launch,
      marks: self.marks, runMark: self.runMark, budget: self.budget, context: self.context)
  }

  /// No other attempt follows, for it was told to stop meanwhile.
  func abandonRestart() async {
    self.state.withLock { $0.aftermath = .nothing("; it was stopped before another attempt") }
    await self.finish()
  }

  /// Launches the process and sees it through.
  func run() async {
    do {
      let launch = self.launch
      let start = try await self.context.blocking.run { try launch.launch() }
      self.change { $0.launched(at: $1) }
      await self.supervise(start)
    } catch is CancellationError {
      // The daemon ends; the next one finds the record.
      return
    } catch {
      // Whoever holds a port may be gone at the next attempt.
      var isLasting = true
      if case NodeAgentError.portTaken = error { isLasting = false }
      self.change { [isLasting] machine, _ in
        machine.launchFailed("\(error)", isLasting: isLasting)
      }
      await self.finish()
    }
  }

  /// Takes up a process that an earlier daemon launched.
  func run(adopting start: ProcessRecord.Start, as adoption: ReplicaAdoption) async {
    self.change { $0.adopted(as: adoption, at: $1) }
    await self.supervise(start)
  }

  /// Shows that an attempt of an earlier daemon is over, and why.
  func show(failure: String) async {
    self.change { machine, _ in machine.launchFailed(failure) }
    await self.finish()
  }

  // MARK: Looking and doing

  private func supervise(_ start: ProcessRecord.Start) async {
    self.state.withLock { $0.start = start }
    var watch = ReplicaWatch(
      start: start, marks: self.marks, runMark: self.runMark, log: self.log,
      record: self.folder.record(ofAttempt: self.attempt), ports: self.replica.launch.ports)
    await withDiscardingTaskGroup { probes in
      while !Task.isCancelled {
        await self.post()
        guard let action = await self.look(&watch) else { break }
        switch action {
        case .none: break
        case .probe: probes.addTask { await self.probe() }
        case .look:
          let processes = watch.serving
          probes.addTask { await self.look(at: processes) }
        case .canary: probes.addTask { await self.askCanary() }
        case .terminate: await self.signal(SIGTERM, watch)
        case .kill: await self.signal(SIGKILL, watch)
        case .giveUp:
          let left = watch
          let leftovers = try? await self.context.blocking.run { left.leftovers() }
          self.state.withLock { $0.remains.leftovers = leftovers ?? [] }
        }
        if action == .giveUp { break }
        try? await self.context.clock.sleep(for: Self.interval)
      }
      probes.cancelAll()
    }
    if !Task.isCancelled { await self.finish() }
  }

  /// - Returns: What to do; `nil` when nothing is left to look at, or the daemon is ending.
  private func look(_ watch: inout ReplicaWatch) async -> ReplicaMachine<RunClock.Instant>.Action? {
    if self.state.withLock({ $0.stopIsAsked }) { self.change { $0.stopAsked(at: $1) } }
    let before = watch
    let isClearing = self.state.withLock { $0.machine.isClearing }
    guard
      let (after, sight) = try? await self.context.blocking.run({
        var watch = before
        let sight = watch.look(isClearing: isClearing)
        return (watch, sight)
      })
    else { return nil }
    watch = after
    for line in sight.logLines { self.read(line) }
    for var event in self.state.withLock({ $0.logEvents.events(in: sight.logLines) }) {
      (event.service, event.index) = (self.key.service, UInt32(clamping: self.key.index))
      event.attempt = UInt32(self.attempt)
      self.context.events.record(event)
    }
    if let end = sight.end { self.change { $0.ended(end, lost: sight.lost, at: $1) } }
    if let remains = sight.cleared {
      self.state.withLock { $0.remains = remains }
      self.change { machine, _ in machine.cleared() }
      return nil
    }
    return self.change { $0.timePassed(at: $1) }
  }

  private func read(_ line: String) {
    self.state.withLock { state in
      let launch = self.replica.launch
      if launch.progressMarks.contains(where: line.contains) { state.machine.progressed() }
      if case .log(let text)? = launch.probe, line.contains(text) {
        state.logHasText = true
      }
    }
  }

  private func signal(_ signal: Int32, _ watch: ReplicaWatch) async {
    // Cancelled: the daemon is ending, and the next one goes on.
    try? await self.context.blocking.run { watch.send(signal) }
  }

  private var check: ReadinessCheck<RunClock> {
    ReadinessCheck(
      launch: self.replica.launch, environment: self.launch.environment,
      clock: self.context.clock, group: self.context.group)
  }

  private func look(at processes: ServingProcesses) async {
    var answer = await self.check.look()
    if case .dead(let reason) = answer, !processes.lost.isEmpty {
      answer = .dead("\(reason); \(processes.lost) ended")
    }
    let sight = LivenessSight(
      answer, processorTime: processes.processorTime, stoppedProcess: processes.stoppedProcess)
    self.change { $0.looked(sight, at: $1) }
  }

  private func askCanary() async {
    switch await self.check.outcome(logHasText: true, note: self.note) {
    case .succeeded: self.change { $0.canaryAnswered(at: $1) }
    case .failed(let reason): self.change { $0.canaryFailed(reason, at: $1) }
    case .wrong(let reason): self.change { $0.provedWrong(reason, at: $1) }
    }
  }

  @Sendable private func note(_ note: ProbeNote) {
    switch note {
    case .completionBegan: self.change { machine, _ in machine.canaryBegan() }
    case .systemFingerprint(let text): self.state.withLock { $0.systemFingerprint = text }
    }
  }

  private func probe() async {
    let hasText = self.state.withLock { $0.logHasText }
    let outcome = await self.check.outcome(logHasText: hasText, note: self.note)
    switch outcome {
    case .succeeded: self.change { $0.probeSucceeded(at: $1) }
    case .failed(let reason): self.change { $0.probeFailed(reason, at: $1) }
    case .wrong(let reason): self.change { $0.provedWrong(reason, at: $1) }
    }
  }

  @discardableResult
  private func change<Result>(
    _ event: (inout ReplicaMachine<RunClock.Instant>, RunClock.Instant) -> sending Result
  ) -> sending Result {
    self.state.withLock { event(&$0.machine, self.context.clock.now) }
  }

  // MARK: Telling

  private func finish() async {
    await self.post()
    if self.restartInstant != nil { return }
    self.state.withLock { $0.isOver = true }
    self.context.board.bell.ring()
  }

  /// Puts what has changed on the board, and into the state folder for people.
  func post() async {
    let log = self.log.path
    if self.state.withLock({ $0.machine.view.phase == .failed && $0.lastLogLines.isEmpty }) {
      let lines = try? await self.context.blocking.run {
        LogEnd.explanation(of: log, count: Self.logLineCount)
      }
      self.state.withLock { $0.lastLogLines = lines ?? [] }
    }
    let status = self.state.withLock { state in
      let view = self.view(&state)
      if view.phase != state.phase {
        state.sinceMilliseconds = self.context.wallClockMilliseconds()
      }
      state.phase = view.phase
      return self.status(state, view)
    }
    let shown = self.context.board.status(of: self.key)
    if shown == status { return }
    if shown?.state != status.state || shown?.attempt != status.attempt {
      self.context.events.record(Muster_V1_NodeEvent(status))
    }
    self.context.board.post(status, for: self.key)
    // For people, and a hint to the next daemon; on the records alone it relies.
    let file = ReplicaStatusFile(status)
    let path = self.folder.status
    try? await self.context.blocking.run { try file.publish(at: path) }
  }

  /// What the machine shows, and after a failure what follows it.
  private func view(_ state: inout State) -> ReplicaMachine<RunClock.Instant>.View {
    var view = state.machine.view
    guard view.phase == .failed else { return view }
    if case .undecided = state.aftermath {
      state.aftermath = .nothing("")
      let now = self.context.clock.now
      if !view.isLasting, !state.stopIsAsked, case .restart(let pause) = self.budget.failed(at: now)
      {
        state.aftermath = .restart(at: now.advanced(by: pause), pause: pause)
      }
    }
    switch state.aftermath {
    case .undecided: break
    case .nothing(let words): view.reason += words
    case .restart where view.isLasting:
      // Something of it could not be ended.
      state.aftermath = .nothing("")
    case .restart(_, let pause):
      view.phase = .backoff
      view.reason += "; attempt \(self.attempt + 1) follows after \(pause.components.seconds) s"
    }
    return view
  }

  private func status(
    _ state: State, _ view: ReplicaMachine<RunClock.Instant>.View
  ) -> ReplicaStatus {
    var status = ReplicaStatus(key: self.key, state: view.phase)
    status.reason = view.reason
    status.sinceMilliseconds = state.sinceMilliseconds
    if let start = state.start, view.end == nil, !state.machine.isOver {
      status.processID = Int64(start.main.processID)
    }
    status.end = view.end == .unknown ? nil : view.end
    status.attempt = self.attempt
    status.lastLogLines = state.lastLogLines
    status.isUnproven = view.isUnproven
    status.systemFingerprint = state.systemFingerprint
    status.logPath = self.log.path
    return status
  }
}
