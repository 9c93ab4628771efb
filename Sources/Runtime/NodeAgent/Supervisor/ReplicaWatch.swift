import Glibc
import Health
import OperatingSystem

/// Looks at the processes, the log and the ports of one attempt. Blocks for as long as files take;
/// called from a thread that may.
struct ReplicaWatch: Sendable {
  /// Looks, ten a second, at ports that are taken still after the last process has gone.
  private static let portLookCountMax = 20
  /// Looks at a holder that has not written down the end of its process yet.
  private static let recordLookCountMax = 100

  /// Looks from one check of the log's size to the next: 10 s.
  private static let rotationLookCount = 100

  private let processes: ReplicaProcesses
  private let recordPath: String
  private let ports: [Int]
  private let log: ReplicaLog
  private var tail: LogTail
  private var children: ServingProcesses
  private var endWasSaid = false
  private var recordLookCount = 0
  private var portLookCount = 0
  private var lookCount = 0

  init(_ processes: ReplicaProcesses, log: ReplicaLog, record: String, ports: [Int]) {
    self.processes = processes
    self.log = log
    self.tail = LogTail(of: log)
    self.children = ServingProcesses(of: self.processes)
    self.recordPath = record
    self.ports = ports
  }

  mutating func look(isClearing: Bool) -> ReplicaSight {
    var sight = ReplicaSight()
    self.lookCount += 1
    if self.lookCount % Self.rotationLookCount == 0 {
      // A full disk must not keep us from looking at the process.
      _ = try? self.log.rotate()
    }
    if !isClearing, !self.endWasSaid { self.children.look() }
    // A holder that is our child, and not that of a daemon before us.
    waitpid(self.processes.holder.processID, nil, WNOHANG)
    if !self.endWasSaid {
      sight.end = self.end()
      sight.logLines = self.tail.newLines()
      self.endWasSaid = sight.end != nil
      sight.lost = self.children.lost
    }
    if isClearing || sight.end != nil { sight.cleared = self.cleared() }
    return sight
  }

  /// How the process ended; `nil` while it lives, or its holder is about to say.
  private mutating func end() -> ProcessEnd? {
    if ProcessTable.isAlive(self.processes.main) { return nil }
    let holderLives = ProcessTable.isAlive(self.processes.holder)
    if case .launched(_, let end?) = ProcessRecord.read(at: self.recordPath) { return end }
    self.recordLookCount += 1
    return holderLives && self.recordLookCount < Self.recordLookCountMax ? nil : .unknown
  }

  private mutating func cleared() -> ReplicaRemains? {
    // Until its status is known, or known to be lost, it is not over.
    guard self.endWasSaid, self.owned().isEmpty else { return nil }
    if ProcessTable.isAlive(self.processes.holder) { return nil }
    let listening = Set(ListeningPorts.sockets().map(\.port))
    let taken = self.ports.filter(listening.contains)
    if taken.isEmpty { return ReplicaRemains() }
    self.portLookCount += 1
    if self.portLookCount < Self.portLookCountMax { return nil }
    return TakenPorts.remains(taken, mark: self.processes.marks[0])
  }

  /// What the processes tell of a replica that serves, as of the last look.
  var serving: ServingProcesses { self.children }

  func send(_ signal: CInt) {
    let owned = self.owned()
    let targets = signal == SIGTERM ? self.processes.toTerminate(of: owned) : owned
    for process in targets { ProcessTable.send(signal, to: process.identity) }
    // A holder with nothing to hold ends by itself; one that is stopped or stuck does not.
    if signal == SIGKILL, owned.isEmpty { ProcessTable.send(SIGKILL, to: self.processes.holder) }
  }

  /// What is left, in words.
  func leftovers() -> [String] {
    self.owned().map { "process \($0.identity.processID) (\($0.name)) outlived KILL" }
  }

  private func owned() -> [ProcessStat] {
    let own = getpid()
    let known = self.children.identities
    let table = ProcessTable.all()
    let found = self.processes.owned(of: table) { processID in
      processID != own
        && ProcessTable.environment(of: processID, contains: self.processes.marks)
    }
    // One that has written over its environment is found by nothing else, once its parents are gone.
    let others = known.subtracting(found.map(\.identity))
    return found + table.filter { others.contains($0.identity) }
  }
}
