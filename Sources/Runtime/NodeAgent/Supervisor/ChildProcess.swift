import CLinux
import Glibc

/// A program about to be started, in a session and process group of its own, with standard input
/// from nowhere and every signal as by default.
struct ChildProcess {
  /// POSIX_SPAWN_SETSID, which Glibc's module leaves out. Source: glibc's spawn.h.
  private static let setSession: CInt = 0x80

  /// A path, or a name that is looked up in the PATH of ``environment``.
  var program: String
  /// With the program's own name in front.
  var argv: [String]
  var environment: [String: String]
  /// File to which standard output and error are appended; `nil`: they go nowhere.
  var output: String?
  /// A descriptor of ours that gets standard output and error instead.
  var outputDescriptor: CInt?
  /// A descriptor of ours, and the number it gets in the child.
  var inherited: (ours: CInt, theirs: CInt)?

  init(program: String, argv: [String], environment: [String: String]) {
    self.program = program
    self.argv = argv
    self.environment = environment
  }

  /// - Returns: The process, which is the caller's to wait for.
  /// - Throws: `NodeAgentError.system` with the error of `exec` itself: no such program, not
  ///   executable.
  func spawn() throws(NodeAgentError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let nothing = try Self.openNothing()
    defer { close(nothing) }
    posix_spawn_file_actions_adddup2(&actions, nothing, 0)
    if let descriptor = self.outputDescriptor {
      posix_spawn_file_actions_adddup2(&actions, descriptor, 1)
    } else if let output = self.output {
      posix_spawn_file_actions_addopen(&actions, 1, output, O_CREAT | O_WRONLY | O_APPEND, 0o600)
    } else {
      posix_spawn_file_actions_adddup2(&actions, nothing, 1)
    }
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    if let inherited = self.inherited {
      posix_spawn_file_actions_adddup2(&actions, inherited.ours, inherited.theirs)
    }
    // Whatever this process was given by the one before it stays here.
    clinux_spawn_close_from(&actions, (self.inherited?.theirs ?? 2) + 1)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = Self.setSession | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))

    var process: pid_t = 0
    let code = Self.withCStrings(self.argv) { argv in
      Self.withCStrings(self.environment.map { "\($0.key)=\($0.value)" }.sorted()) { environment in
        posix_spawn(&process, self.program, &actions, &attributes, argv, environment)
      }
    }
    guard code == 0 else { throw .system(operation: "start `\(self.argv[0])`", code: code) }
    return process
  }

  /// Something to read nothing from: `/dev/null`, or in a root without it a pipe that has ended.
  private static func openNothing() throws(NodeAgentError) -> CInt {
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    if null >= 0 { return null }
    var ends: [CInt] = [-1, -1]
    try NodeAgentError.check("make a pipe") { pipe(&ends) }
    close(ends[1])
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    return ends[0]
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
