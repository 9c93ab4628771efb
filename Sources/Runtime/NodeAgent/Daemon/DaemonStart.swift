import Glibc
import OperatingSystem

/// Finds the daemon of a run, or starts it: a process of its own session that outlives the SSH
/// session that asked for it.
package enum DaemonStart {
  /// A machine under load starts a process within seconds; this is for one that hangs.
  private static let startTimeoutMilliseconds: CInt = 20_000
  /// Of what the daemon wrote before it ended, in an error.
  private static let logSizeMax = 2048

  /// Connects to the daemon; where there is none, starts it first.
  ///
  /// - Parameter environment: Of the daemon, should it be started.
  /// - Returns: A connected socket, the caller's to close.
  package static func connect(
    to identity: AgentIdentity, environment: [String: String]
  ) throws -> CInt {
    let folder = try RuntimeFolder.make(for: identity)
    if let socket = try DaemonSocket.connect(to: folder.socket) { return socket }
    let lock = try folder.openLock()
    defer { close(lock) }
    try SystemFault.check("lock \(folder.lock)") { flock(lock, LOCK_EX) }
    // Another may have started it while we waited.
    if let socket = try DaemonSocket.connect(to: folder.socket) { return socket }
    try Self.start(identity, in: folder, environment: environment)
    if let socket = try DaemonSocket.connect(to: folder.socket) { return socket }
    let log = (try? PlainFile.read(folder.log, sizeMax: 1 << 20)) ?? []
    throw NodeAgentError.daemonDidNotStart(
      log: String(decoding: log.suffix(Self.logSizeMax), as: UTF8.self))
  }

  /// Returns when the daemon listens, or has failed to.
  private static func start(
    _ identity: AgentIdentity, in folder: RuntimeFolder, environment: [String: String]
  ) throws {
    unlink(folder.log)
    var child = ChildProcess(
      program: "/proc/self/exe",
      argv: ["muster-node", "daemon", "--run", identity.run, "--node", identity.node],
      environment: environment)
    // Nothing of the SSH session may stay open, or sshd would wait for the daemon.
    let log = try PlainFile.openEnd(of: folder.log)
    defer { close(log) }
    child.output = log
    var ready = try ReadyPipe()
    _ = try ready.spawn(child)
    ready.wait(milliseconds: Self.startTimeoutMilliseconds)
  }
}
