import Glibc
import NIOCore
import NIOPosix
import OperatingSystem

/// The process that serves one run on one node, until it is told that the run has ended.
struct Daemon<DaemonClock: Clock & Sendable>: Sendable where DaemonClock.Duration == Duration {
  /// A daemon that nobody has claimed, and that has nothing to keep, ends after so long: it was
  /// started by someone who only looked at a run that is over.
  private static var forgottenTime: Duration { .seconds(3600) }

  let identity: AgentIdentity
  let environment: [String: String]
  let clock: DaemonClock
  let wallClockMilliseconds: @Sendable () -> Int64

  /// Returns when the run has ended.
  func run() async throws {
    let folder = try RuntimeFolder.make(for: self.identity)
    let state = try StateFolder(for: self.identity, environment: self.environment)
    try PlainFile.makeFolders(state.path)
    // No file system is kept busy by a process that nobody sees.
    chdir("/")
    let use = try folder.hold()
    defer { close(use) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let blocking = BlockingCalls()
    let session = RunSession(
      self.identity, state: state, startedAtMilliseconds: self.wallClockMilliseconds())
    try await self.serve(session, in: folder, state, group, blocking)
    if !session.keepsRecords { state.discardRecords() }
    folder.remove()
    try await blocking.end()
    try await group.shutdownGracefully()
  }

  private func serve(
    _ session: RunSession, in folder: RuntimeFolder, _ state: StateFolder,
    _ group: any EventLoopGroup, _ blocking: BlockingCalls
  ) async throws {
    let events = EventLog(
      path: state.events, wallClockMilliseconds: self.wallClockMilliseconds)
    try await blocking.run { events.load() }
    let ground = HostGround<DaemonClock>.Context(
      identity: self.identity, state: state, environment: self.environment, clock: self.clock,
      blocking: blocking, group: group)
    let supervisor = HostSupervisor<DaemonClock>(
      context: .init(
        wallClockMilliseconds: self.wallClockMilliseconds, board: StatusBoard(), events: events)
    ) { HostGround($0, attempt: $1, secrets: $2, ground) }
    try PlainFile.makeFolders(state.spool)
    let clock = self.clock
    let runners = ItemRunners(clock: clock)
    let worker = LeaseWorker(
      clock: clock, store: SpoolFolder(path: state.spool), makeRunner: runners.runner)
    let service = NodeService(
      session: session, supervisor: supervisor,
      logs: LogStream(supervisor: supervisor, blocking: blocking, clock: self.clock),
      events: events,
      scrapes: ScrapeStream(
        supervisor: supervisor,
        gpus: GPUSampler(
          environment: self.environment, group: group, blocking: blocking, clock: self.clock,
          wallClockMilliseconds: self.wallClockMilliseconds),
        blocking: blocking, group: group, clock: self.clock,
        wallClockMilliseconds: self.wallClockMilliseconds),
      preflight: Preflight(
        identity: self.identity, stateFolder: state.path, environment: self.environment,
        group: group, clock: self.clock, wallClockMilliseconds: self.wallClockMilliseconds),
      gpuMemory: GPUMemoryProof(
        run: self.identity.run, environment: self.environment, clock: self.clock),
      worker: { try await worker.serve($0, $1) })
    try await supervisor.adopt(in: state, blocking)
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { await supervisor.run() }
      tasks.addTask { await worker.run() }
      tasks.addTask { await events.run(blocking) }
      tasks.addTask {
        await KernelLogWatch(
          path: "/dev/kmsg", events: events, blocking: blocking, clock: clock,
          note: { AgentProcess<DaemonClock>.write("muster-node: \($0)\n", to: STDERR_FILENO) }
        ).run()
      }
      tasks.addTask {
        repeat {
          try await self.clock.sleep(for: Self.forgottenTime)
        } while session.wasClaimed || !supervisor.livingReplicas.isEmpty
        session.end(keepsRecords: true)
      }
      try await PipeServer.serve(
        [service], at: folder.socket, on: group, clock: self.clock,
        listenerBound: { ReadyPipe.announceReady() }, until: { try await session.ended() })
      tasks.cancelAll()
    }
  }
}
