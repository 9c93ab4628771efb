import Fleet
import Glibc
import Health
import Launch
import NIOCore
import NodeAPI
import OperatingSystem
import Synchronization

/// This machine under a replica: real processes, `/proc`, files and sockets.
final class HostGround<RunClock: Clock & Sendable>: ReplicaGround
where RunClock.Duration == Duration {
  /// What all replicas of a node share.
  struct Context: Sendable {
    let identity: AgentIdentity
    let state: StateFolder
    /// Of the daemon.
    let environment: [String: String]
    let clock: RunClock
    let blocking: BlockingCalls
    let group: any EventLoopGroup
  }

  /// From one look to the next.
  private static var interval: Duration { .milliseconds(100) }
  /// Lines of the log that come with a failure.
  private static var logLineCount: Int { 20 }
  /// A holder has only to start one program; this is for a machine under heavy load.
  private static var startMilliseconds: CInt { 30_000 }

  private let replica: ReplicaSpecification
  private let folder: ReplicaFolder
  /// Of the process, complete.
  private let environment: [String: String]
  private let context: Context
  private let redactor: Redactor
  /// What stands in the place of lines that may hold a secret whose value a daemon before this one knew;
  /// `nil`: there is none.
  private let hiddenLine: String?
  private let latestLog: Mutex<ReplicaLog>
  private let latestProof = Mutex<AskedListener?>(nil)

  /// - Parameters:
  ///   - attempt: The number of the first attempt.
  ///   - secrets: Those that the replica names.
  init(
    _ replica: ReplicaSpecification, attempt: Int, secrets: [String: String], _ context: Context
  ) {
    self.replica = replica
    self.folder = ReplicaFolder(of: replica.key, in: context.state)
    self.environment = ReplicaEnvironment.variables(
      daemon: context.environment, declared: replica.launch.environment, secrets: secrets,
      marks: ReplicaProcesses.variables(of: context.identity, replica.key))
    self.context = context
    self.redactor = Redactor(secrets.map { (name: $0.key, value: $0.value) })
    let unknown = replica.launch.secrets.filter { secrets[$0] == nil }
    self.hiddenLine =
      unknown.isEmpty
      ? nil
      : "what its log says is not shown: this agent does not know the value of "
        + unknown.joined(separator: ", ")
    self.latestLog = Mutex(ReplicaLog(path: self.folder.log(ofAttempt: attempt)))
  }

  var clock: RunClock { self.context.clock }

  private var marks: [String] {
    ReplicaProcesses.marks(of: self.context.identity, self.replica.key)
  }

  /// Of the latest attempt.
  var log: ReplicaLog { self.latestLog.withLock { $0 } }
  /// Of the latest attempt that was launched.
  var proof: AskedListener? { self.latestProof.withLock { $0 } }

  /// Makes the replica's folder, and writes down how it is started.
  func prepare() async throws {
    let (folder, replica) = (self.folder, self.replica)
    let scripts = ReplicaScripts(replica: replica, identity: self.context.identity)
    try await self.context.blocking.run {
      try PlainFile.makeFolders(folder.path)
      try PlainFile.publish(try replica.json(), at: folder.spec)
      try scripts.publish(in: folder)
    }
  }

  /// Processes come and go at any time: each look may see something.
  func rest(quietUntil quiet: RunClock.Instant?) async {
    try? await self.clock.sleep(for: Self.interval)
  }

  func launch(attempt: Int) async throws -> HostAttempt<RunClock> {
    let start = try await self.context.blocking.run { try self.startHolder(attempt) }
    return self.attempt(attempt, start)
  }

  /// Starts the holder of an attempt, which reads the rest in the replica's folder. Blocks.
  ///
  /// - Returns: The record of the process.
  /// - Throws: The exact reason why there is none.
  private func startHolder(_ attempt: Int) throws -> ProcessRecord.Start {
    try self.checkPorts()
    for path in [self.folder.path] + self.replica.launch.folders {
      try PlainFile.makeFolders(path)
    }
    let record = self.folder.record(ofAttempt: attempt)
    try self.folder.prepareLog(ofAttempt: attempt)
    unlink(record)
    let words = ["hold", "--replica", self.folder.path, "--attempt", "\(attempt)"]
    var ready = try ReadyPipe()
    let holder = try ready.spawn(
      ChildProcess(
        program: "/proc/self/exe", argv: ["muster-node"] + words, environment: self.environment))
    let fault = ready.wait(milliseconds: Self.startMilliseconds)
    switch ProcessRecord.read(at: record) {
    case .launched(let start, _): return start
    case .launchFailed(let reason):
      waitpid(holder, nil, 0)
      throw NodeAgentError.launchFailed(reason)
    case .launching, nil:
      // It could not write its record, or hangs: what nobody can know of later may not run.
      kill(holder, SIGKILL)
      waitpid(holder, nil, 0)
      let strays = self.endStrays()
      let reason = fault.isEmpty ? "its holder ended without a record at \(record)" : fault
      throw NodeAgentError.launchFailed(([reason] + strays).joined(separator: "; "))
    }
  }

  /// Ends what bears the replica's marks or writes its log, of which there is no record. Blocks.
  ///
  /// - Returns: What has not gone, in words.
  func endStrays() -> [String] {
    StrayProcesses(marks: [.init(entries: self.marks, folder: self.folder.path)]).end()
  }

  /// A server that is there already would answer the probes in the place of ours: a model server of
  /// the same model would make it ready.
  private func checkPorts() throws(NodeAgentError) {
    let taken = PortQuestion(ports: self.replica.launch.ports, run: "").answer()
    guard let port = taken.first else { return }
    let owner = port.program.isEmpty ? "another process" : "`\(port.program)`"
    throw .portTaken(
      port.port, by: port.processID > 0 ? "\(owner), pid \(port.processID)" : owner)
  }

  /// One whose process is recorded.
  func attempt(_ attempt: Int, _ start: ProcessRecord.Start) -> HostAttempt<RunClock> {
    let log = ReplicaLog(path: self.logPath(ofAttempt: attempt))
    self.latestLog.withLock { $0 = log }
    let processes = ReplicaProcesses(holder: start.holder, main: start.main, marks: self.marks)
    let proof = AskedListener(proof: ListenerProof(processes), blocking: self.context.blocking)
    self.latestProof.withLock { $0 = proof }
    return HostAttempt(
      watch: ReplicaWatch(
        processes, log: log, record: self.folder.record(ofAttempt: attempt),
        ports: self.replica.launch.ports),
      check: ReadinessCheck(
        launch: self.replica.launch, environment: self.environment, clock: self.clock,
        group: self.context.group, proof: proof),
      processID: Int64(start.main.processID), blocking: self.context.blocking)
  }

  func logPath(ofAttempt attempt: Int) -> String { self.folder.log(ofAttempt: attempt) }

  func logEnd(ofAttempt attempt: Int) async -> [String] {
    if let hiddenLine { return [hiddenLine] }
    let path = self.logPath(ofAttempt: attempt)
    let lines = try? await self.context.blocking.run {
      LogEnd.explanation(of: path, count: Self.logLineCount)
    }
    return lines ?? []
  }

  func redact(_ text: String) -> String {
    self.hiddenLine ?? SecretShapes.redact(self.redactor.redact(text))
  }

  func publish(_ status: ReplicaStatus) async {
    let path = self.folder.status
    // A hint alone: on the records the next daemon relies.
    try? await self.context.blocking.run { try status.publish(at: path) }
  }
}

/// An attempt that runs, or ran, on this machine.
struct HostAttempt<RunClock: Clock & Sendable>: ReplicaAttempt
where RunClock.Duration == Duration {
  var watch: ReplicaWatch
  let check: ReadinessCheck<RunClock>
  let processID: Int64
  let blocking: BlockingCalls

  mutating func look(isClearing: Bool) async throws -> ReplicaSight {
    try await self.blocking.change(&self.watch) { $0.look(isClearing: isClearing) }
  }

  func terminate() async { await self.send(SIGTERM) }

  func kill() async { await self.send(SIGKILL) }

  private func send(_ signal: CInt) async {
    let watch = self.watch
    // Cancelled: the daemon is ending, and the next one goes on.
    try? await self.blocking.run { watch.send(signal) }
  }

  func leftovers() async -> [String] {
    let watch = self.watch
    return (try? await self.blocking.run { watch.leftovers() }) ?? []
  }

  func probe(_ note: @escaping @Sendable (ProbeNote) -> Void) async -> ProbeOutcome {
    await self.check.outcome(note: note)
  }

  func sight() async -> LivenessSight {
    let processes = self.watch.serving
    var answer = await self.check.look()
    if case .dead(let reason) = answer, !processes.lost.isEmpty {
      answer = .dead("\(reason); \(processes.lost) ended")
    }
    return LivenessSight(
      answer, processorTime: processes.processorTime, stoppedProcess: processes.stoppedProcess)
  }
}

/// How a person starts a replica by hand, on its node: `env.sh` and `launch.sh`.
struct ReplicaScripts: Sendable {
  let replica: ReplicaSpecification
  let identity: AgentIdentity

  func publish(in folder: ReplicaFolder) throws(SystemFault) {
    let title = "\(self.replica.key) of run \(self.identity.run) on \(self.identity.node)"
    let launched = self.replica.launch
    let environment = EnvironmentScript.text(
      title: title, variables: launched.environment.map { ($0.name, $0.value) },
      secrets: launched.secrets)
    let launch = LaunchScript.text(
      title: title, argv: launched.argv, folder: launched.folder, folders: launched.folders)
    try PlainFile.publish(Array(environment.utf8), at: "\(folder.path)/env.sh")
    try PlainFile.publish(Array(launch.utf8), at: "\(folder.path)/launch.sh", mode: 0o700)
  }
}
