import CLinux
import Glibc
import Health
import Launch
import OperatingSystem

/// The tiny process above a replica: starts it, adopts its orphans, and writes down how it ended.
/// It lives until the last of them is gone, whatever becomes of the daemon.
struct Holder {
  let folder: ReplicaFolder
  let attempt: Int
  /// Of the replica, and of the holder itself.
  let environment: [String: String]

  func run() throws {
    // Those who would end us mean the replica; its own group gets the signal.
    for signal in [SIGHUP, SIGINT, SIGTERM] { Glibc.signal(signal, SIG_IGN) }
    clinux_become_subreaper()
    let record = self.folder.record(ofAttempt: self.attempt)
    let start: ProcessRecord.Start
    do {
      start = try self.launch()
    } catch {
      let reason = String("\(error)".map { $0.isNewline ? " " : $0 })
      try ProcessRecord.launchFailed(reason).publish(at: record)
      ReadyPipe.announceReady()
      return
    }
    try ProcessRecord.launched(start, end: nil).publish(at: record)
    ReadyPipe.announceReady()
    // Waits for everything that becomes our child, until nothing is left.
    while true {
      var status: CInt = 0
      let processID = waitpid(-1, &status, 0)
      if processID < 0, errno == EINTR { continue }
      if processID < 0 { return }
      if processID == start.main.processID {
        try ProcessRecord.launched(start, end: ProcessEnd(WaitStatus(status))).publish(at: record)
      }
    }
  }

  private func launch() throws -> ProcessRecord.Start {
    let launch = try self.folder.specification().launch
    let folder = self.workingFolder(launch.folder)
    try SystemFault.check("enter folder \(folder)") { chdir(folder) }
    ProcessLimits.raise()
    var environment = self.environment
    if let cores = launch.cores {
      let own = try ProcessLimits.keepToCores(part: cores.index, of: cores.count)
      if let name = cores.variable, environment[name] == nil {
        environment[name] = own.map(String.init).joined(separator: ",")
      }
    }
    var child = ChildProcess(
      program: try ProgramSearch.path(
        of: launch.argv[0], searching: self.environment["PATH"] ?? ""),
      argv: launch.argv, environment: environment)
    child.output = try PlainFile.openEnd(of: self.folder.log(ofAttempt: self.attempt))
    let processID = try child.spawn()
    // It cannot go away unseen: nobody but us waits for it.
    guard let main = ProcessTable.stat(of: processID), let own = ProcessTable.stat(of: getpid())
    else { throw SystemFault("read /proc/\(processID)/stat", code: ENOENT) }
    return ProcessRecord.Start(
      bootID: ProcessTable.bootID, holder: own.identity, main: main.identity)
  }

  /// `~` is the home folder, as is an empty path.
  private func workingFolder(_ folder: String) -> String {
    let home = self.environment["HOME"] ?? "/"
    if folder.isEmpty { return home }
    return folder.hasPrefix("~") ? home + folder.dropFirst() : folder
  }
}

extension ReplicaFolder {
  /// With what the replica was started last.
  func specification() throws -> ReplicaSpecification {
    try ReplicaSpecification(
      json: try PlainFile.read(self.spec, sizeMax: NodeLimits.messageSizeMax))
  }
}

extension ProcessEnd {
  init(_ status: WaitStatus) {
    switch status {
    case .exited(let status): self = .exited(status: status)
    case .signalled(let signal): self = .signalled(signal)
    }
  }
}
