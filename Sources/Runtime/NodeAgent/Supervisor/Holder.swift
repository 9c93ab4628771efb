import CLinux
import Glibc
import Health
import Launch

/// The tiny process above a replica: starts it, adopts its orphans, and writes down how it ended.
/// It lives until the last of them is gone, whatever becomes of the daemon.
struct Holder {
  private let order: HolderOrder
  /// Of the replica, and of the holder itself.
  private let environment: [String: String]

  init(_ order: HolderOrder, environment: [String: String]) {
    self.order = order
    self.environment = environment
  }

  /// - Parameter startedAtMilliseconds: By the wall clock, for the record.
  func run(startedAtMilliseconds: Int64) throws(NodeAgentError) {
    // Those who would end us mean the replica; its own group gets the signal.
    for signal in [SIGHUP, SIGINT, SIGTERM] { Glibc.signal(signal, SIG_IGN) }
    clinux_become_subreaper()
    let start: ProcessRecord.Start
    do throws(NodeAgentError) {
      start = try self.launch(at: startedAtMilliseconds)
    } catch {
      try ProcessRecord(.launchFailed("\(error)")).publish(at: self.order.record)
      ReadyPipe.announceReady()
      return
    }
    try ProcessRecord(.launched(start, end: nil)).publish(at: self.order.record)
    ReadyPipe.announceReady()
    try self.reap(start)
  }

  private func launch(at milliseconds: Int64) throws(NodeAgentError) -> ProcessRecord.Start {
    try NodeAgentError.check("enter folder \(self.order.folder)") { chdir(self.order.folder) }
    ProcessLimits.raise()
    var environment = self.environment
    if let cores = self.order.cores {
      let own = try ProcessLimits.keepToCores(part: cores.index, of: cores.count)
      if let name = cores.variable, environment[name] == nil {
        environment[name] = own.map(String.init).joined(separator: ",")
      }
    }
    var child = ChildProcess(
      program: try ProgramSearch.path(
        of: self.order.argv[0], searching: self.environment["PATH"] ?? ""),
      argv: self.order.argv, environment: environment)
    child.output = self.order.log
    let processID = try child.spawn()
    // It cannot go away unseen: nobody but us waits for it.
    guard let main = ProcessTable.stat(of: processID), let own = ProcessTable.stat(of: getpid())
    else { throw .system(operation: "read /proc/\(processID)/stat", code: ENOENT) }
    return ProcessRecord.Start(
      bootID: ProcessFacts.bootID(), holder: own.identity, main: main.identity,
      startedAtMilliseconds: milliseconds)
  }

  /// Waits for everything that becomes our child, until nothing is left.
  private func reap(_ start: ProcessRecord.Start) throws(NodeAgentError) {
    while true {
      var status: CInt = 0
      let processID = waitpid(-1, &status, 0)
      if processID < 0, errno == EINTR { continue }
      if processID < 0 { return }
      if processID == start.main.processID {
        let record = ProcessRecord(.launched(start, end: ProcessEnd(waitStatus: status)))
        try record.publish(at: self.order.record)
      }
    }
  }
}

extension ProcessEnd {
  /// As `waitpid` gives it. Source: bits/waitstatus.h of glibc.
  init(waitStatus status: CInt) {
    let signal = status & 0x7F
    self = signal == 0 ? .exited(status: status >> 8 & 0xFF) : .signalled(signal)
  }
}
