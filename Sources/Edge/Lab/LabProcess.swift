import Glibc
import OperatingSystem

/// Processes of a lab.
enum LabProcess {
  /// The processes of sshd whose standard error is one of the files: those of the hosts, of who is
  /// logged in and of who is about to be, also after the host itself has died.
  static func sessions(logs: [String]) -> [ProcessStat.Identity] {
    func file(_ path: String) -> [UInt64]? {
      var status = stat()
      return stat(path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
    }
    let logs = Set(logs.compactMap(file))
    return ProcessTable.all().filter { process in
      // `sshd-session` from OpenSSH 9.8 on.
      process.name.hasPrefix("sshd")
        && file("/proc/\(process.identity.processID)/fd/2").map(logs.contains) == true
    }.map(\.identity)
  }

  /// Starts a program in a session of its own, which outlives this process; the log is its own.
  static func start(_ argv: [String], log: String) throws(LabError) -> ProcessStat.Identity {
    var child = ChildProcess(argv: argv)
    let id: Int32
    do throws(SystemFault) {
      let file = try PlainFile.openEnd(of: log)
      defer { close(file) }
      ftruncate(file, 0)
      child.output = file
      id = try child.spawn()
    } catch {
      throw .failed(operation: "start \(argv[0])", reason: error.reason)
    }
    // As long as this process has not collected it, it is there even when it has ended.
    guard let stat = ProcessTable.stat(of: id) else {
      throw .failed(operation: "start \(argv[0])", reason: "there is no /proc")
    }
    return stat.identity
  }

  /// Runs a program to its end, or kills it at the limit.
  static func run(
    _ argv: [String], within limit: Duration, _ clock: some Clock<Duration>
  ) async throws(LabError) {
    var child = ChildProcess(argv: argv)
    child.errors = STDERR_FILENO
    let end: WaitStatus?
    do throws(SystemFault) {
      end = try await child.end(within: limit, clock: clock)
    } catch {
      throw .failed(operation: "start \(argv[0])", reason: error.reason)
    }
    if Task.isCancelled { throw .failed(operation: "wait", reason: "interrupted") }
    guard end == .exited(0) else {
      let reason = end.map { "status \($0.code)" } ?? "it takes longer than \(limit)"
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
}
