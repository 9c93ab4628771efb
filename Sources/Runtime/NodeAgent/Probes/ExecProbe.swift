import Glibc
import Health

/// Runs a command on the node; it is fine when it ends with status 0.
struct ExecProbe: Sendable {
  private static let timeout = Duration.seconds(30)
  private static let interval = Duration.milliseconds(20)

  let argv: [String]
  /// Of the replica: the command sees what the process sees, and is found as a part of it.
  let environment: [String: String]

  func outcome(clock: some Clock<Duration>) async throws -> ProbeOutcome {
    let path = try ProgramSearch.path(
      of: self.argv[0], searching: self.environment["PATH"] ?? "")
    let child = ChildProcess(program: path, argv: self.argv, environment: self.environment)
    let processID = try child.spawn()
    var waited = Duration.zero
    var status: CInt = 0
    while true {
      let result = waitpid(processID, &status, WNOHANG)
      if result == processID || (result < 0 && errno != EINTR) { break }
      let isCancelled = Task.isCancelled
      if isCancelled || waited >= Self.timeout {
        // Its number is ours until we have waited for it.
        kill(-processID, SIGKILL)
        waitpid(processID, &status, 0)
        return .failed("`\(self.argv[0])` did not end in time")
      }
      try? await clock.sleep(for: Self.interval)
      waited += Self.interval
    }
    let end = status & 0x7F == 0 ? "status \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
    return status == 0 ? .succeeded : .failed("`\(self.argv[0])` ended with \(end)")
  }
}
