import Glibc
import OperatingSystem

/// Processes that bear the marks of a run, or of one replica, and that nobody keeps: the record of their
/// start is lost, or could not be written.
struct StrayProcesses: Sendable {
  /// KILL is repeated for what was forked meanwhile, and for as long as a process takes to go: 10 s.
  private static let killCountMax = 500
  private static let killMicroseconds: UInt32 = 20_000

  /// `NAME=value` of variables; a stray has all of them.
  let marks: [String]

  /// Blocks.
  ///
  /// - Returns: What has not gone, in words.
  func end() -> [String] {
    for _ in 0..<Self.killCountMax {
      let strays = self.found()
      if strays.isEmpty { return [] }
      for stray in strays {
        ProcessTable.send(SIGKILL, to: stray.identity)
        // A holder that is our child.
        waitpid(stray.identity.processID, nil, WNOHANG)
      }
      usleep(Self.killMicroseconds)
    }
    return self.found().map { stray in
      "process \(stray.identity.processID) (\(stray.name)), which nobody kept, outlived KILL"
    }
  }

  private func found() -> [ProcessStat] {
    let own = getpid()
    return ProcessTable.all().filter { process in
      process.identity.processID != own
        && ProcessTable.environment(of: process.identity.processID, contains: self.marks)
    }
  }
}
