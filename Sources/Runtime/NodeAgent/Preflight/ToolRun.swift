import Glibc
import OperatingSystem

/// Runs a program of the node that only tells something, and keeps what it says.
struct ToolRun: Sendable {
  enum Outcome: Equatable, Sendable {
    /// It is not in PATH.
    case absent
    /// What it wrote to both streams, and its exit status; 128 and more for a signal.
    case ended(status: Int, output: String)
    /// It was killed when its time was over.
    case hung
    /// Why it could not be started.
    case notStarted(String)
  }

  /// A GPU's driver that works answers within 3 s even where it is loaded anew for each question.
  static let timeout = Duration.seconds(10)
  /// More than `dmesg` has: kernel logs are at most some MiB.
  private static let outputSizeMax = 16 << 20
  private static let interval = Duration.milliseconds(20)
  /// A process in the middle of a call of a dead driver does not even end when it is killed; it is
  /// left behind after this.
  private static let killWait = Duration.seconds(1)

  let argv: [String]
  let environment: [String: String]

  func outcome(clock: some Clock<Duration>) async -> Outcome {
    guard
      let program = try? ProgramSearch.path(
        of: self.argv[0], searching: self.environment["PATH"] ?? "")
    else { return .absent }
    guard let ends = try? SystemFault.checkedPipe() else { return .notStarted("no pipe") }
    defer { close(ends.reading) }
    _ = fcntl(ends.reading, F_SETFL, O_NONBLOCK)
    var child = ChildProcess(program: program, argv: self.argv, environment: self.environment)
    child.output = ends.writing
    let started = Result { () throws(SystemFault) in try child.spawn() }
    close(ends.writing)
    switch started {
    case .success(let processID):
      return await self.outcome(of: processID, output: ends.reading, clock: clock)
    case .failure(let fault): return .notStarted("\(fault)")
    }
  }

  private func outcome(
    of processID: pid_t, output: CInt, clock: some Clock<Duration>
  ) async -> Outcome {
    var bytes: [UInt8] = []
    var waited = Duration.zero
    while true {
      // Asked before the pipe is read: what it wrote last is in it then.
      let status = WaitStatus.of(processID)
      Self.drain(output, into: &bytes)
      if let status {
        return .ended(status: status.code, output: String(decoding: bytes, as: UTF8.self))
      }
      if waited >= Self.timeout || Task.isCancelled {
        await Self.kill(processID, clock: clock)
        return .hung
      }
      try? await clock.sleep(for: Self.interval)
      waited += Self.interval
    }
  }

  private static func drain(_ output: CInt, into bytes: inout [UInt8]) {
    var block = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < Self.outputSizeMax {
      let count = read(output, &block, block.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      bytes += block[..<count]
    }
  }

  private static func kill(_ processID: pid_t, clock: some Clock<Duration>) async {
    // Its number is ours until we have waited for it.
    Glibc.kill(-processID, SIGKILL)
    var waited = Duration.zero
    while WaitStatus.of(processID) == nil, waited < Self.killWait {
      // A cancelled task does not sleep: then it is asked a few times at once, and left.
      try? await clock.sleep(for: Self.interval)
      waited += Self.interval
    }
  }
}
