import Glibc
import NIOCore
import NIOPosix
import OperatingSystem
import Rollouts

/// The process that serves one run on one node, until it is told that the run has ended.
struct Daemon<DaemonClock: Clock & Sendable>: Sendable where DaemonClock.Duration == Duration {
  /// From one look at whether somebody needs it to the next.
  private static var lookInterval: Duration { .seconds(10) }
  /// One that does not listen by then never will.
  private static var startSecondsMax: UInt64 { 60 }

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
    let use = try self.take(folder)
    defer { close(use) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let blocking = BlockingCalls()
    let session = RunSession(
      self.identity, state: state, wallClockMilliseconds: self.wallClockMilliseconds)
    try await self.serve(session, in: folder, state, group, blocking)
    if !session.keepsRecords { state.discardRecords() }
    if !session.keepsRecords, !session.keepsHolder { state.discardUnused() }
    folder.remove()
    try await blocking.end()
    try await group.shutdownGracefully()
  }

  /// Holds the folder, as the only daemon of the run: one before us that nobody can find any more, since
  /// its folder or the socket in it was removed, ends.
  private func take(_ folder: RuntimeFolder) throws -> CInt {
    if access(folder.socket, F_OK) != 0 {
      _ = try DaemonProcess.endFormer(
        of: self.identity, startedBefore: Self.startSecondsMax)
    }
    let use = try folder.hold()
    guard try DaemonProcess.endFormer(of: self.identity) else { return use }
    // It may have been about to remove what it took for its own.
    close(use)
    return try folder.hold()
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
    let worker = LeaseWorker(clock: clock, store: SpoolFolder(path: state.spool)) {
      setup throws(LeaseFault) in try ItemRunners.runner(for: setup, clock: clock)
    }
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
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { await supervisor.run() }
      try await supervisor.adopt(in: state, blocking)
      tasks.addTask { await worker.run() }
      tasks.addTask { await events.run(blocking) }
      tasks.addTask {
        await KernelLogWatch(
          path: "/dev/kmsg", events: events, blocking: blocking, clock: clock,
          note: { AgentProcess<DaemonClock>.write("muster-node: \($0)\n", to: STDERR_FILENO) }
        ).run()
      }
      tasks.addTask {
        var idleness = DaemonIdleness(at: clock.now)
        repeat {
          try await clock.sleep(for: Self.lookInterval)
        } while !idleness.looked(
          isNeeded: session.hasLinks || !worker.isIdle || !supervisor.livingReplicas.isEmpty,
          at: clock.now)
        session.end(keepsRecords: true, keepsHolder: true)
      }
      try await PipeServer.serve(
        [service], at: folder.socket, on: group, clock: self.clock,
        accepted: { session.opened($0) }, listenerBound: { ReadyPipe.announceReady() },
        until: { try await session.ended() })
      tasks.cancelAll()
    }
  }
}

/// Decides when a daemon ends that nobody needs, such as that of an eval whose coordinator is gone for
/// good: what it has is on its disk, and the next link starts another one, which takes it up.
struct DaemonIdleness<Instant: InstantProtocol> where Instant.Duration == Duration {
  /// A coordinator that has lost its network is back by then, as a rule; starting one costs 50 ms.
  static var patience: Duration { .seconds(300) }

  private var neededAt: Instant

  init(at now: Instant) {
    self.neededAt = now
  }

  /// - Parameter isNeeded: By a link, a replica that lives, or work that is not done and on the disk.
  /// - Returns: Whether it has to end.
  mutating func looked(isNeeded: Bool, at now: Instant) -> Bool {
    if isNeeded { self.neededAt = now }
    return self.neededAt.duration(to: now) >= Self.patience
  }
}
