import Glibc
import OperatingSystem

/// Looks after the processes of one replica that lives: a few small files of `/proc` ten times a
/// second, and the whole table seldom.
struct ServingProcesses: Sendable {
  /// Looks from one reading of the whole table to the next: 10 s.
  private static let refreshLookCount = 100
  /// Looks for which a process that ended is a cause of what comes after: 30 s.
  private static let lostLookCount = 300
  /// Looks for which a process must have lived for its end to be news: 5 s. Scripts start and end
  /// others all the time.
  private static let longLivedLookCount = 50
  /// Processes that are named.
  private static let lostCountMax = 4

  private let processes: ReplicaProcesses
  /// All but the holder; the one that was started is among them.
  private var living: [ProcessStat] = []
  private var firstSeenAtLook: [ProcessStat.Identity: Int] = [:]
  private var lookCount = 0
  private var lostAtLook: Int?
  private var lostProcesses: [String] = []

  init(of processes: ReplicaProcesses) {
    self.processes = processes
  }

  /// Those that lived at the last look, whatever they call themselves since then.
  var identities: Set<ProcessStat.Identity> { Set(self.living.map(\.identity)) }

  /// Processes that ended shortly before this, the first ones, in words; empty: none.
  var lost: String {
    guard let lookedAt = self.lostAtLook, self.lookCount - lookedAt < Self.lostLookCount else {
      return ""
    }
    return self.lostProcesses.joined(separator: ", ")
  }

  /// Since they started; `nil` before the first look. That of the engine and its workers, which are
  /// children of the server that was started, and of the server where it has none.
  var processorTime: Duration? {
    if self.living.isEmpty { return nil }
    let children = self.living.filter { $0.identity != self.processes.main }
    let ticks = (children.isEmpty ? self.living : children).reduce(0) { $0 &+ $1.processorTicks }
    return .milliseconds(Int64(clamping: ticks) * 1000 / Int64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
  }

  /// In words; `nil`: none is stopped.
  var stoppedProcess: String? {
    self.living.first(where: \.isStopped).map(Self.describe)
  }

  mutating func look() {
    if self.lookCount % Self.refreshLookCount == 0 { self.refresh() }
    self.lookCount += 1
    var living: [ProcessStat] = []
    for process in self.living {
      let stat = ProcessTable.stat(of: process.identity.processID)
      if let stat, stat.identity == process.identity, !stat.isGone {
        living.append(stat)
      } else if process.identity != self.processes.main, self.isLongLived(process.identity) {
        self.lose(process)
      }
    }
    self.living = living
  }

  private mutating func lose(_ process: ProcessStat) {
    if self.lost.isEmpty {
      self.lostAtLook = self.lookCount
      self.lostProcesses = []
    }
    if self.lostProcesses.count < Self.lostCountMax {
      self.lostProcesses.append(Self.describe(process))
    }
  }

  private mutating func refresh() {
    // Those that are known by their environment alone were left by a holder that was killed; they are
    // found when the replica is stopped.
    let found = self.processes.owned(of: ProcessTable.all()) { _ in false }
    // Those that ended since the last look are in no table: the look that follows loses them.
    let known = Set(found.map(\.identity))
    self.living = found + self.living.filter { !known.contains($0.identity) }
    let before = self.firstSeenAtLook
    self.firstSeenAtLook = [:]
    for process in self.living {
      self.firstSeenAtLook[process.identity] = before[process.identity] ?? self.lookCount
    }
  }

  private func isLongLived(_ process: ProcessStat.Identity) -> Bool {
    guard let first = self.firstSeenAtLook[process] else { return false }
    return self.lookCount - first >= Self.longLivedLookCount
  }

  private static func describe(_ process: ProcessStat) -> String {
    let name = process.name.filter { !$0.isNewline && $0.isASCII }
    return "process \(process.identity.processID) (\(name))"
  }
}
