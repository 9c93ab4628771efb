import Fleet
import Glibc
import OperatingSystem

/// The whole program on a node, from its command line to its exit status.
package struct AgentProcess<AgentClock: Clock & Sendable>: Sendable
where AgentClock.Duration == Duration {
  private let environment: [String: String]
  private let clock: AgentClock
  private let wallClockMilliseconds: @Sendable () -> Int64

  /// - Parameter wallClockMilliseconds: Since the epoch; for people, and for nothing that is decided.
  package init(
    environment: [String: String], clock: AgentClock,
    wallClockMilliseconds: @escaping @Sendable () -> Int64
  ) {
    self.environment = environment
    self.clock = clock
    self.wallClockMilliseconds = wallClockMilliseconds
  }

  /// - Parameter arguments: Without the program's name.
  /// - Returns: 0; 1 when it could not be done, with the reason on standard error; 64 for a wrong
  ///   command line.
  package func status(of arguments: [String]) async -> Int32 {
    do {
      // A reader that has gone is an error of write, not the end of the process.
      signal(SIGPIPE, SIG_IGN)
      try await self.run(AgentCommand(parsing: arguments))
      return 0
    } catch {
      Self.write("muster-node: \(error)\n", to: STDERR_FILENO)
      if case NodeAgentError.usage = error { return 64 }
      return 1
    }
  }

  private func run(_ command: AgentCommand) async throws {
    switch command {
    case .connect(let identity):
      let socket = try DaemonStart.connect(to: identity, environment: self.daemonEnvironment)
      try Relay.run(input: STDIN_FILENO, output: STDOUT_FILENO, socket: socket)
    case .observe(let identity):
      guard let socket = try DaemonStart.found(of: identity) else {
        return Self.write(AgentPreface.restingLine, to: STDOUT_FILENO)
      }
      try Relay.run(input: STDIN_FILENO, output: STDOUT_FILENO, socket: socket)
    case .errand(let node):
      try await ErrandServer.run(node: node, environment: self.environment)
    case .daemon(let identity):
      try await Daemon(
        identity: identity, environment: self.environment, clock: self.clock,
        wallClockMilliseconds: self.wallClockMilliseconds
      ).run()
    case .hold(let replica, let attempt):
      try Holder(
        folder: ReplicaFolder(replica), attempt: attempt, environment: self.environment
      ).run()
    case .verify(let expected):
      let program = try OpenFile(path: "/proc/self/exe", flags: O_RDONLY)
      let actual = try PlainFile.sha256(of: program)
      guard actual == expected else {
        throw NodeAgentError.wrongHash(expected: expected, actual: actual)
      }
    case .version:
      Self.write("muster-node \(AgentPreface.protocolVersion)\n", to: STDOUT_FILENO)
    }
  }

  /// Without what belongs to the session that happens to start the daemon, and without the marks of
  /// a replica that it may have been started from.
  private var daemonEnvironment: [String: String] {
    self.environment.filter { name, _ in
      !name.hasPrefix("SSH_") && !name.hasPrefix("MUSTER_") && name != "_"
    }
  }

  static func write(_ text: String, to descriptor: CInt) {
    // Nothing is left to tell, should even this go wrong.
    try? PlainFile.write(Array(text.utf8), to: descriptor, named: "the standard streams")
  }
}
