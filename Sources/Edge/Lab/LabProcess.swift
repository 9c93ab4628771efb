import Glibc

/// A process that is known by its number and its start, so that another one that got the number later
/// is not taken for it.
struct LabProcess: Equatable {
  var id: Int32
  /// In clock ticks since the machine started: field 22 of /proc/PID/stat (proc(5)).
  var start: UInt64

  /// The process `id`, if it is there and has not ended.
  init?(running id: Int32) {
    guard let (start, hasEnded) = Self.status(of: id), !hasEnded else { return nil }
    self.id = id
    self.start = start
  }

  private static func status(of id: Int32) -> (start: UInt64, hasEnded: Bool)? {
    guard let text = LabFolder.text(at: "/proc/\(id)/stat"),
      let name = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: name)...].split(separator: " ")
    guard fields.count > 19, let start = UInt64(fields[19]) else { return nil }
    return (start, ["Z", "X"].contains(fields[0]))
  }

  /// The processes of sshd whose standard error is one of the files: those of the hosts, of who is
  /// logged in and of who is about to be, also after the host itself has died.
  static func sessions(logs: [String]) -> [LabProcess] {
    struct FileID: Hashable {
      var device: dev_t
      var inode: ino_t

      init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (self.device, self.inode) = (status.st_dev, status.st_ino)
      }
    }
    let logs = Set(logs.compactMap { FileID($0) })
    return LabFolder(path: "/proc").names.compactMap { name in
      guard let id = Int32(name), let file = FileID("/proc/\(id)/fd/2"), logs.contains(file),
        // `sshd-session` from OpenSSH 9.8 on.
        LabFolder.text(at: "/proc/\(id)/comm")?.hasPrefix("sshd") == true
      else { return nil }
      return LabProcess(running: id)
    }
  }

  private init(id: Int32, start: UInt64) {
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

  /// Starts a program in a session of its own, which outlives this process; the log is its own.
  static func start(_ argv: [String], log: String) throws(LabError) -> LabProcess {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    let flags = O_CREAT | O_WRONLY | O_APPEND | O_TRUNC
    posix_spawn_file_actions_addopen(&actions, 1, log, flags, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // POSIX_SPAWN_SETSID of <spawn.h>, which Glibc's module has not.
    posix_spawnattr_setflags(&attributes, 0x80)
    let id = try Self.spawn(argv, &actions, &attributes)
    // As long as this process has not collected it, it is there even when it has ended.
    guard let start = Self.status(of: id)?.start else {
      throw .failed(operation: "start \(argv[0])", reason: "there is no /proc")
    }
    return LabProcess(id: id, start: start)
  }

  /// Runs a program to its end, or kills it at the limit.
  static func run(
    _ argv: [String], within limit: Duration, _ clock: some Clock<Duration>
  ) async throws(LabError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    let id = try Self.spawn(argv, &actions, nil)
    var status: Int32 = 0
    var hasEnded = false
    defer {
      if !hasEnded {
        kill(id, SIGKILL)
        while waitpid(id, nil, 0) < 0, errno == EINTR {}
      }
    }
    hasEnded = try await Self.poll(within: limit, clock) { waitpid(id, &status, WNOHANG) != 0 }
    guard hasEnded, status == 0 else {
      let reason = hasEnded ? "status \(status >> 8)" : "it takes longer than \(limit)"
      throw .failed(operation: argv.joined(separator: " "), reason: reason)
    }
  }

  /// Asks again and again until the answer is yes.
  ///
  /// - Returns: Whether it was before the limit.
  static func poll<C: Clock>(
    within limit: Duration, _ clock: C, _ isDone: () -> Bool
  ) async throws(LabError) -> Bool where C.Duration == Duration {
    let deadline = clock.now.advanced(by: limit)
    while !isDone() {
      guard clock.now < deadline else { return false }
      try await Self.pause(clock)
    }
    return true
  }

  static func pause(_ clock: some Clock<Duration>) async throws(LabError) {
    do {
      try await clock.sleep(for: .milliseconds(20))
    } catch {
      throw .failed(operation: "wait", reason: "interrupted")
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
