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
    do {
      // Before anything starts: where there is no record, nothing runs.
      try self.publish(.launching)
      guard let start = try self.startOrSay() else { return ReadyPipe.announceReady() }
      do {
        try self.publish(.launched(start, end: nil))
      } catch {
        Self.endAll(of: start)
        throw error
      }
      ReadyPipe.announceReady()
      self.hold(start)
    } catch {
      ReadyPipe.announce(Self.line(error))
      throw error
    }
  }

  private func publish(_ record: ProcessRecord) throws {
    try record.publish(at: self.folder.record(ofAttempt: self.attempt))
  }

  /// - Returns: `nil` where it was not started, which is written down.
  private func startOrSay() throws -> ProcessRecord.Start? {
    do {
      return try self.launch()
    } catch {
      try self.publish(.launchFailed(Self.line(error)))
      return nil
    }
  }

  private static func line(_ error: any Error) -> String {
    String("\(error)".map { $0.isNewline ? " " : $0 })
  }

  /// Waits for everything that becomes our child, until nothing is left. An end that cannot be written
  /// down is tried again with each one: whatever the disk does, orphans have somebody to come to.
  private func hold(_ start: ProcessRecord.Start) {
    var unwritten: ProcessEnd?
    while true {
      var status: CInt = 0
      let processID = waitpid(-1, &status, 0)
      if processID < 0, errno == EINTR { continue }
      if processID == start.main.processID { unwritten = ProcessEnd(WaitStatus(status)) }
      if let end = unwritten, (try? self.publish(.launched(start, end: end))) != nil {
        unwritten = nil
      }
      if processID < 0 { return }
    }
  }

  /// Returns when nothing of it is left.
  private static func endAll(of start: ProcessRecord.Start) {
    let processes = ReplicaProcesses(holder: start.holder, main: start.main, marks: [])
    while true {
      for process in processes.owned(of: ProcessTable.all(), hasMarks: { _ in false }) {
        ProcessTable.send(SIGKILL, to: process.identity)
      }
      var ended: pid_t
      repeat { ended = waitpid(-1, nil, WNOHANG) } while ended > 0
      if ended < 0, errno == ECHILD { return }
      usleep(1000)
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
    else {
      ChildProcess.kill(processID)
      throw SystemFault("read /proc/\(processID)/stat", code: ENOENT)
    }
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

extension ProcessEnd {
  init(_ status: WaitStatus) {
    switch status {
    case .exited(let status): self = .exited(status: status)
    case .signalled(let signal): self = .signalled(signal)
    }
  }
}
