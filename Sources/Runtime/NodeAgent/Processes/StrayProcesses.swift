import Glibc
import OperatingSystem

/// Processes of a run, or of any of several replicas, that nobody keeps: the record of their start is lost,
/// or could not be written, or they have left those who started them.
struct StrayProcesses: Sendable {
  /// KILL is repeated for what was forked meanwhile, and for as long as a process takes to go: 10 s.
  private static let killCountMax = 500
  private static let killMicroseconds: UInt32 = 20_000

  /// By which a process is known to be meant.
  struct Mark {
    /// `NAME=value` of variables: it has all of them.
    var entries: [String]
    /// Or it writes into a file there, as one does that was started without its environment.
    var folder: String
  }

  let marks: [Mark]

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
    let folders = self.marks.compactMap { ProcessTable.realPath($0.folder).map { $0 + "/" } }
    return ProcessTable.all().filter { process in
      let id = process.identity.processID
      guard id != own else { return false }
      let environment = ProcessTable.entries(of: id)
      if !environment.isEmpty,
        self.marks.contains(where: { $0.entries.allSatisfy(environment.contains) })
      {
        return true
      }
      return ProcessTable.outputs(of: id).contains { file in
        folders.contains { file.hasPrefix($0) }
      }
    }
  }
}
