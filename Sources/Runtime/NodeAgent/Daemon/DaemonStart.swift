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

  /// A connected socket, the caller's to close; `nil` where no daemon is there.
  package static func found(of identity: AgentIdentity) throws -> CInt? {
    // Nothing is made for one that is not there.
    let isKnown = RuntimeFolder.places(of: identity).contains { access($0.socket, F_OK) == 0 }
    return isKnown ? try DaemonSocket.connect(to: RuntimeFolder.make(for: identity).socket) : nil
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

/// One end of the Unix socket on which a run's daemon listens.
enum DaemonSocket {
  /// Connects, under an address of its own: by that the daemon tells its links apart.
  ///
  /// - Parameter path: The daemon's socket.
  /// - Returns: A connected socket, the caller's to close; `nil` where no daemon listens.
  static func connect(to path: String) throws(SystemFault) -> CInt? {
    let socket = try SystemFault.check("make a socket") {
      Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    }
    do throws(SystemFault) {
      try Self.name(socket, beside: path)
      let result = try Self.withAddress(path) { Glibc.connect(socket, $0, $1) }
      if result == 0 { return socket }
      let code = errno
      // A socket file whose daemon is gone refuses.
      guard code == ENOENT || code == ECONNREFUSED else {
        throw SystemFault("connect to \(path)", code: code)
      }
      close(socket)
      return nil
    } catch {
      close(socket)
      throw error
    }
  }

  /// Names are never used twice: the process and the instant are in them. The file itself is not
  /// needed once the address is taken.
  private static func name(_ socket: CInt, beside path: String) throws(SystemFault) {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    let name = "\(path)-\(getpid())-\(now.tv_sec)\(now.tv_nsec)"
    let result = try Self.withAddress(name) { bind(socket, $0, $1) }
    let code = errno
    unlink(name)
    guard result == 0 else { throw SystemFault("bind \(name)", code: code) }
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) throws(SystemFault) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw SystemFault("use \(path) as a socket", code: ENAMETOOLONG)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
