import Glibc

/// A process that is known by its number and its start, so that another one that got the number later
/// is not taken for it.
struct LabProcess: Equatable {
  var id: Int32
  /// In clock ticks since the machine started: field 22 of /proc/PID/stat (proc(5)).
  var start: UInt64

  /// The process `id`, if it is there.
  init?(running id: Int32) {
    guard let text = LabFolder.text(at: "/proc/\(id)/stat"),
      let name = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: name)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", let start = UInt64(fields[19]) else { return nil }
    self.id = id
    self.start = start
  }

  /// What ``line`` wrote.
  init?(line: String) {
    let parts = line.split(separator: " ")
    guard parts.count == 2, let id = Int32(parts[0]), let start = UInt64(parts[1]) else {
      return nil
    }
    self.id = id
    self.start = start
  }

  var line: String { "\(self.id) \(self.start)" }
  var isRunning: Bool { LabProcess(running: self.id) == self }

  /// Starts a program in a session of its own, which outlives this process.
  static func start(_ argv: [String], log: String) throws(LabError) -> LabProcess {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_CREAT | O_WRONLY | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // POSIX_SPAWN_SETSID of <spawn.h>, which Glibc's module has not.
    posix_spawnattr_setflags(&attributes, 0x80)
    let id = try Self.spawn(argv, &actions, &attributes)
    guard let process = LabProcess(running: id) else {
      throw .failed(operation: "start \(argv[0])", reason: "it ended at once; see \(log)")
    }
    return process
  }

  /// Runs a program to its end.
  static func run(_ argv: [String]) throws(LabError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    let id = try Self.spawn(argv, &actions, nil)
    var status: Int32 = 0
    while waitpid(id, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      throw .failed(operation: argv.joined(separator: " "), reason: "status \(status >> 8)")
    }
  }

  private static func spawn(
    _ argv: [String], _ actions: UnsafePointer<posix_spawn_file_actions_t>,
    _ attributes: UnsafePointer<posix_spawnattr_t>?
  ) throws(LabError) -> Int32 {
    var arguments = argv.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var id: Int32 = 0
    let code = posix_spawn(&id, argv[0], actions, attributes, &arguments, environ)
    guard code == 0 else {
      throw .failed(operation: "start \(argv[0])", reason: String(cString: strerror(code)))
    }
    return id
  }
}
