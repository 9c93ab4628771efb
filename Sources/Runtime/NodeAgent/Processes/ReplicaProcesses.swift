import Launch
import OperatingSystem

/// Tells which processes belong to one attempt at a replica. What cannot be proved to be ours is not.
struct ReplicaProcesses: Sendable {
  /// Of the holder and of the process it started, as they were recorded.
  var holder: ProcessStat.Identity
  var main: ProcessStat.Identity
  /// `NAME=value` of the variables that only processes of this replica have.
  var marks: [String]

  /// Its value is an ``AgentIdentity/mark``.
  static let runVariable = "MUSTER_RUN"

  /// Of all runs and nodes of which a process, or a daemon, is alive on this machine. Blocks.
  static func runMarks() -> Set<String> {
    Set(
      ProcessTable.all().compactMap { process in
        if let daemon = DaemonProcess(process.identity) { return daemon.identity.mark }
        let block = ProcessTable.environment(of: process.identity.processID)
        return ProcessTable.variables(in: block)[Self.runVariable]
      })
  }

  /// The variables by which processes of a replica are known; the first is that of all processes of
  /// the run on its node.
  static func variables(
    of identity: AgentIdentity, _ key: ReplicaKey
  ) -> [EnvironmentVariable] {
    [
      EnvironmentVariable(Self.runVariable, identity.mark),
      EnvironmentVariable("MUSTER_SERVICE", key.service),
      EnvironmentVariable("MUSTER_INDEX", "\(key.index)"),
    ]
  }

  /// The same as ``marks``.
  static func marks(of identity: AgentIdentity, _ key: ReplicaKey) -> [String] {
    Self.variables(of: identity, key).map { "\($0.name)=\($0.value)" }
  }

  /// `NAME=value` of the variable that all processes of the run on its node have.
  static func runMark(of identity: AgentIdentity) -> String {
    "\(Self.runVariable)=\(identity.mark)"
  }

  /// Those of `table` that are ours, without the holder, which ends by itself after the last.
  ///
  /// A process is ours if it descends from the holder, to which orphans come back; if it is in the
  /// session of the process that was started, while that one lives; or by its environment, which
  /// holds when the holder was killed.
  ///
  /// - Parameter hasMarks: Whether the environment of a process holds ``marks``.
  func owned(
    of table: [ProcessStat], hasMarks: (Int32) -> Bool
  ) -> [ProcessStat] {
    let mainLives = table.contains { $0.identity == self.main }
    var descendants: Set<Int32> = []
    if table.contains(where: { $0.identity == self.holder }) {
      descendants = Self.descendants(of: self.holder.processID, in: table)
    }
    return table.filter { process in
      let id = process.identity.processID
      if process.identity == self.holder { return false }
      if process.identity == self.main || descendants.contains(id) { return true }
      if mainLives, process.sessionID == self.main.processID { return true }
      return hasMarks(id)
    }
  }

  /// What TERM goes to: the process group, as long as its leader can pass the news on; then all.
  func toTerminate(of owned: [ProcessStat]) -> [ProcessStat] {
    guard owned.contains(where: { $0.identity == self.main }) else { return owned }
    return owned.filter { $0.groupID == self.main.processID }
  }

  private static func descendants(of root: Int32, in table: [ProcessStat]) -> Set<Int32> {
    let children = Dictionary(grouping: table, by: \.parentID)
    var found: Set<Int32> = []
    var rest = [root]
    while let next = rest.popLast() {
      for child in children[next] ?? [] where found.insert(child.identity.processID).inserted {
        rest.append(child.identity.processID)
      }
    }
    return found
  }
}
