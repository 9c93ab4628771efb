import Glibc
import NIOCore
import NIOPosix

/// The process that serves one run on one node, until it is told that the run has ended.
struct Daemon<AgentClock: Clock & Sendable>: Sendable where AgentClock.Duration == Duration {
  private let identity: AgentIdentity
  private let environment: [String: String]
  private let clock: AgentClock
  private let wallClockMilliseconds: @Sendable () -> Int64

  init(
    _ identity: AgentIdentity, environment: [String: String], clock: AgentClock,
    wallClockMilliseconds: @escaping @Sendable () -> Int64
  ) {
    self.identity = identity
    self.environment = environment
    self.clock = clock
    self.wallClockMilliseconds = wallClockMilliseconds
  }

  func run() async throws {
    let folder = try RuntimeFolder.make(for: self.identity)
    let state = try StateFolder(for: self.identity, environment: self.environment)
    try PlainFile.makeFolders(state.path)
    // No file system is kept busy by a process that nobody sees.
    chdir("/")
    let lease = try folder.hold()
    defer { close(lease) }
    let session = RunSession(
      self.identity, state: state, startedAtMilliseconds: self.wallClockMilliseconds())
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    try await PipeServer.serve(
      [NodeService(session: session)], at: folder.socket, on: group, clock: self.clock,
      listenerBound: { DaemonStart.announceReady() }, until: { try await session.ended() })
    folder.remove()
    try await group.shutdownGracefully()
  }
}
