import Glibc
import OperatingSystem

/// A daemon as the table of processes shows it. One whose socket was removed, as by whoever clears
/// `/tmp`, answers nobody and goes on.
struct DaemonProcess: Sendable {
  let process: ProcessStat.Identity
  let identity: AgentIdentity

  /// `nil`: it is no daemon, or another user's.
  init?(_ process: ProcessStat.Identity) {
    var status = stat()
    guard stat("/proc/\(process.processID)", &status) == 0, status.st_uid == geteuid() else {
      return nil
    }
    let arguments = ProcessTable.arguments(of: process.processID)
    guard arguments.first?.hasSuffix("muster-node") == true,
      case .daemon(let identity)? = try? AgentCommand(parsing: Array(arguments.dropFirst()))
    else { return nil }
    (self.process, self.identity) = (process, identity)
  }

  /// Ends those of a run that were started before this process: what they kept is taken up as after a
  /// crash. Blocks.
  ///
  /// - Parameter seconds: How long before it, at least.
  /// - Returns: Whether there was one.
  static func endFormer(
    of identity: AgentIdentity, startedBefore seconds: UInt64 = 0
  ) throws(NodeAgentError) -> Bool {
    guard let own = ProcessTable.stat(of: getpid())?.identity else { return false }
    let ticks = seconds * UInt64(max(1, sysconf(CInt(_SC_CLK_TCK))))
    let former = ProcessTable.all().map(\.identity).filter {
      ($0.startTicks + ticks, $0.processID) < (own.startTicks, own.processID)
    }.compactMap { DaemonProcess($0) }.filter { $0.identity == identity }
    for daemon in former {
      ProcessTable.send(SIGKILL, to: daemon.process)
      for _ in 0..<500 where ProcessTable.isAlive(daemon.process) { usleep(10_000) }
      guard !ProcessTable.isAlive(daemon.process) else {
        throw .daemonLivesOn(daemon.process.processID)
      }
    }
    return !former.isEmpty
  }
}
