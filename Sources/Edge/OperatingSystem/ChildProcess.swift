import CLinux
import Glibc

/// A program about to be started, with every signal as by default and no descriptor but those that
/// are named here.
package struct ChildProcess: Sendable {
  /// As a flag of posix_spawn(3); Glibc's module leaves the first out. Source: glibc's spawn.h.
  package enum Group: CInt, Sendable {
    /// A session and process group of its own.
    case session = 0x80
    /// A process group of its own: Ctrl-C at the terminal goes by it.
    case processGroup = 0x02
  }

  /// A descriptor of ours that becomes one of the child's; `nil`: nothing to read or write.
  package var input: CInt?
  package var output: CInt?
  /// `nil`: as ``output``.
  package var errors: CInt?
  /// A descriptor of ours that becomes the child's number 3.
  package var inherited: CInt?
  package var group = Group.session
  private let program: String
  private let argv: [String]
  private let environment: [String: String]?

  /// - Parameters:
  ///   - program: A path, or a name that is looked up in the PATH of this process; `nil`: the first of
  ///     `argv`.
  ///   - argv: With the program's own name in front.
  ///   - environment: `nil`: that of this process.
  package init(program: String? = nil, argv: [String], environment: [String: String]? = nil) {
    self.program = program ?? argv.first ?? ""
    self.argv = argv
    self.environment = environment
  }

  /// - Returns: The process, which is the caller's to wait for.
  /// - Throws: `SystemFault` with the error of `exec` itself: no such program, not executable.
  package func spawn() throws(SystemFault) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let nothing = try Self.openNothing()
    defer { close(nothing) }
    let streams = [
      self.input ?? nothing, self.output ?? nothing, self.errors ?? self.output ?? nothing,
    ]
    for (number, stream) in (streams + [self.inherited].compactMap(\.self)).enumerated() {
      posix_spawn_file_actions_adddup2(&actions, stream, CInt(number))
    }
    // Whatever this process was given by the one before it stays here.
    clinux_spawn_close_from(&actions, self.inherited == nil ? 3 : 4)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = self.group.rawValue | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))

    var process: pid_t = 0
    let code = Self.withCStrings(self.argv) { argv in
      guard let environment = self.environment else {
        return posix_spawnp(&process, self.program, &actions, &attributes, argv, environ)
      }
      return Self.withCStrings(environment.map { "\($0.key)=\($0.value)" }.sorted()) {
        posix_spawnp(&process, self.program, &actions, &attributes, argv, $0)
      }
    }
    guard code == 0 else { throw SystemFault("start `\(self.argv.first ?? "")`", code: code) }
    return process
  }

  private static let lookInterval = Duration.milliseconds(20)

  /// Runs the program to its end. One that takes longer than `limit`, or whose task is cancelled, is
  /// killed with its group; one that is in a call of a dead driver does not even end then, and is left.
  ///
  /// - Parameter look: Called every 20 ms, for the last time after the end.
  /// - Returns: `nil` where it was killed.
  package func end(
    within limit: Duration, clock: some Clock<Duration>, look: () -> Void = {}
  ) async throws(SystemFault) -> WaitStatus? {
    let process = try self.spawn()
    var waited = Duration.zero
    while true {
      let status = WaitStatus.of(process)
      look()
      if let status { return status }
      if waited >= limit || Task.isCancelled { break }
      try? await clock.sleep(for: Self.lookInterval)
      waited += Self.lookInterval
    }
    Self.kill(process)
    return nil
  }

  /// Kills a child with its group, and asks for its end, which comes within a millisecond as a rule.
  ///
  /// - Returns: `nil` where it has not come in 100 ms, as of one that a dead disk holds.
  @discardableResult
  package static func kill(_ process: Int32) -> WaitStatus? {
    // Its number is ours until we have waited for it.
    Glibc.kill(-process, SIGKILL)
    for _ in 0..<100 {
      if let status = WaitStatus.of(process) { return status }
      usleep(1000)
    }
    return nil
  }

  /// Something to read nothing from: `/dev/null`, or in a root without it a pipe that has ended.
  private static func openNothing() throws(SystemFault) -> CInt {
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    if null >= 0 { return null }
    let ends = try SystemFault.checkedPipe()
    close(ends.writing)
    return ends.reading
  }

  /// The strings as C has them, ended by a null pointer, for as long as `body` runs.
  private static func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers)
  }
}

/// How a process ended, as `waitpid` tells. Source: bits/waitstatus.h of glibc.
package enum WaitStatus: Equatable, Sendable {
  case exited(Int32)
  case signalled(Int32)

  package init(_ status: CInt) {
    let signal = status & 0x7F
    self = signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
  }

  /// As a shell says it: 128 and more for a signal.
  package var code: Int {
    switch self {
    case .exited(let status): Int(status)
    case .signalled(let signal): 128 + Int(signal)
    }
  }

  /// Asks for the end of a child, once.
  ///
  /// - Returns: `nil` while it runs; -1, no success, for one that is not a child (any more).
  package static func of(_ child: Int32) -> WaitStatus? {
    var status: CInt = 0
    let result = waitpid(child, &status, WNOHANG)
    if result == 0 || (result < 0 && errno == EINTR) { return nil }
    return result < 0 ? .exited(-1) : WaitStatus(status)
  }
}
