import Glibc
import Health
import Launch
import NodeAPI
import OperatingSystem

/// A replica that a daemon before this one started, as its folder tells.
struct FormerReplica: Sendable {
  enum Fate: Sendable {
    /// Something of it may be alive, or its end has not been said.
    case runs(ProcessRecord.Start)
    /// Nobody wrote down what became of its start, and something of it may be alive.
    case lost(reason: String)
    /// Why nothing of it can be alive.
    case over(reason: String)
  }

  var replica: ReplicaSpecification
  /// As it was shown last; `nil`: it never was.
  var status: ReplicaStatus?
  var fate: Fate

  var attempt: Int { self.status?.attempt ?? 1 }

  /// Those of its secrets that its holder still has in its environment: the daemon before had them in
  /// memory alone. Blocks.
  var secrets: [String: String] {
    guard case .runs(let start) = self.fate, !self.replica.launch.secrets.isEmpty,
      ProcessTable.isAlive(start.holder)
    else { return [:] }
    let block = ProcessTable.environment(of: start.holder.processID)
    return ProcessTable.variables(in: block).filter {
      self.replica.launch.secrets.contains($0.key)
    }
  }

  /// In the order of their keys; folders that are not those of replicas are left out. Blocks.
  static func all(in state: StateFolder) -> [FormerReplica] {
    let names = (try? PlainFile.names(in: state.path)) ?? []
    return names.compactMap { name in
      let folder = ReplicaFolder("\(state.path)/\(name)")
      guard let replica = try? folder.specification(), replica.key.folderName == name else {
        return nil
      }
      return Self.read(replica, in: folder)
    }.sorted { $0.replica.key < $1.replica.key }
  }

  /// Whether anything was started there, by another version perhaps, whose words cannot be read. Blocks.
  static func isAny(in state: StateFolder) -> Bool {
    ((try? PlainFile.names(in: state.path)) ?? []).contains { name in
      access(ReplicaFolder("\(state.path)/\(name)").spec, F_OK) == 0
    }
  }

  private static func read(
    _ replica: ReplicaSpecification, in folder: ReplicaFolder
  ) -> FormerReplica {
    let status = ReplicaStatus.read(at: folder.status)
    let fate: Fate =
      switch ProcessRecord.read(at: folder.record(ofAttempt: status?.attempt ?? 1)) {
      case .launchFailed(let reason): .over(reason: reason)
      case .launched(let start, _) where start.bootID == ProcessTable.bootID: .runs(start)
      case .launched: .over(reason: "the machine was started anew")
      case .launching, nil: .lost(reason: "the daemon ended before it had started")
      }
    return FormerReplica(replica: replica, status: status, fate: fate)
  }
}
