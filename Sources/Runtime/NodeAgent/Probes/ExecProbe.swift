import Glibc
import OperatingSystem
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
    while true {
      switch WaitStatus.of(processID) {
      case .exited(0)?: return .succeeded
      case .exited(let status)?: return .failed("`\(self.argv[0])` ended with status \(status)")
      case .signalled(let signal)?:
        return .failed("`\(self.argv[0])` ended with signal \(signal)")
      case nil: break
      }
      if Task.isCancelled || waited >= Self.timeout {
        // Its number is ours until we have waited for it.
        kill(-processID, SIGKILL)
        waitpid(processID, nil, 0)
        return .failed("`\(self.argv[0])` did not end in time")
      }
      try? await clock.sleep(for: Self.interval)
      waited += Self.interval
    }
  }
}
