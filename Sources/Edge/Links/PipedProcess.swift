import CLinux
import Glibc
import SSH

/// A child process with a pipe at each of its three standard streams.
///
/// In a process group of its own, so that Ctrl-C at the terminal ends the coordinator's work in
/// order and not the link under it.
struct PipedProcess: Sendable {
  let process: pid_t
  /// Our ends: what is written to `input` the child reads. The caller closes them.
  let input: CInt
  let output: CInt
  let errors: CInt

  /// - Parameter argv: Its program is looked up in PATH where it has no slash.
  /// - Throws: `LinkError.programNotStarted`, with the error of `exec` itself.
  static func spawn(_ argv: [String]) throws(LinkError) -> PipedProcess {
    let program = argv.first ?? ""
    var pipes: [CInt] = []
    for _ in 0..<3 {
      var ends: [CInt] = [-1, -1]
      guard pipe(&ends) == 0 else {
        let code = errno
        for end in pipes { close(end) }
        throw .programNotStarted(program: program, detail: String(cString: strerror(code)))
      }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      pipes += ends
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipes[0], 0)
    posix_spawn_file_actions_adddup2(&actions, pipes[3], 1)
    posix_spawn_file_actions_adddup2(&actions, pipes[5], 2)
    // Another thread may be between `pipe` and `fcntl`: its ends must not live on in this child.
    clinux_spawn_close_from(&actions, 3)
    var (process, code) = (pid_t(0), CInt(0))
    Self.withAttributes { attributes in
      let words = argv.map { strdup($0) } + [nil]
      defer { for word in words { free(word) } }
      code = posix_spawnp(&process, program, &actions, attributes, words, environ)
    }
    for end in [pipes[0], pipes[3], pipes[5]] { close(end) }
    guard code == 0 else {
      for end in [pipes[1], pipes[2], pipes[4]] { close(end) }
      throw .programNotStarted(program: program, detail: String(cString: strerror(code)))
    }
    return PipedProcess(process: process, input: pipes[1], output: pipes[2], errors: pipes[4])
  }

  private static func withAttributes(_ body: (UnsafePointer<posix_spawnattr_t>) -> Void) {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    // The coordinator ignores SIGPIPE; what it starts does not.
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))
    body(&attributes)
  }

  /// Waits for the process, and ends it when it is not gone in time. Blocks; once per process.
  ///
  /// - Parameter openDescriptor: Of a process; a system before Linux 5.3 has none.
  func wait(
    timeoutMilliseconds: CInt, openDescriptor: (pid_t) -> CInt = clinux_pidfd_open
  ) -> CommandEnd.Outcome {
    let descriptor = openDescriptor(self.process)
    defer { if descriptor >= 0 { close(descriptor) } }
    let deadline = Self.monotonicMilliseconds + Int(timeoutMilliseconds)
    var status: CInt = 0
    while true {
      let ended = waitpid(self.process, &status, WNOHANG)
      if ended > 0 || ended < 0 && errno != EINTR { break }
      let left = deadline - Self.monotonicMilliseconds
      if left <= 0 {
        kill(-self.process, SIGKILL)
        while waitpid(self.process, &status, 0) < 0, errno == EINTR {}
        break
      }
      // A negative descriptor is passed over: then this is a pause, and the process is looked at.
      var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      poll(&event, 1, CInt(descriptor >= 0 ? left : min(left, Self.pauseMilliseconds)))
    }
    let signal = status & 0x7f
    if signal == 0 { return .exited(status: status >> 8 & 0xff) }
    return .signalled(name: "signal \(signal)")
  }

  /// What a program writes to its standard output, given nothing to read; `nil` when it cannot be
  /// read, the program fails, or it takes too long, and then it is ended. Blocks.
  static func output(of argv: [String], timeoutMilliseconds: CInt) -> [UInt8]? {
    guard let child = try? Self.spawn(argv) else { return nil }
    for descriptor in [child.input, child.errors] { close(descriptor) }
    defer { close(child.output) }
    let deadline = Self.monotonicMilliseconds + Int(timeoutMilliseconds)
    var bytes: [UInt8] = []
    while true {
      let left = max(deadline - Self.monotonicMilliseconds, 0)
      var event = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
      let count = poll(&event, 1, CInt(left))
      if count < 0, errno == EINTR { continue }
      guard count > 0, let piece = SmallFile.piece(of: child.output, sizeMax: 1 << 20) else {
        _ = child.wait(timeoutMilliseconds: 0)
        return nil
      }
      if piece.isEmpty { break }
      bytes += piece
    }
    let left = max(deadline - Self.monotonicMilliseconds, 0)
    return child.wait(timeoutMilliseconds: CInt(left)) == .exited(status: 0) ? bytes : nil
  }

  /// How late the end of a process may be seen where it has no descriptor.
  private static let pauseMilliseconds = 20

  /// For deadlines of calls that block.
  static var monotonicMilliseconds: Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
  }
}
