import Glibc
import Health
import Launch
import NodeAPI

/// A replica that a daemon before this one started, as its folder tells.
struct FormerReplica: Sendable {
  enum Fate: Sendable {
    /// Something of it may be alive, or its end has not been said.
    case runs(ProcessRecord.Start, ReplicaAdoption)
    /// Why nothing of it can be alive.
    case over(reason: String)
  }

  private static let specSizeMax = 4 << 20

  var replica: ReplicaSpecification
  var folder: ReplicaFolder
  var attempt: Int
  var fate: Fate

  /// Those of its secrets that its holder still has in its environment: the daemon before had them in
  /// memory alone. Blocks.
  var secrets: [String: String] {
    guard case .runs(let start, _) = self.fate, !self.replica.launch.secrets.isEmpty,
      ProcessTable.isAlive(start.holder),
      let bytes = try? PlainFile.read(
        "/proc/\(start.holder.processID)/environ", sizeMax: EnvironmentBlock.sizeMax)
    else { return [:] }
    let names = Set(self.replica.launch.secrets)
    return EnvironmentBlock.parse(bytes).filter { names.contains($0.key) }
  }

  /// In the order of their keys; folders that are not those of replicas are left out. Blocks.
  static func all(in state: StateFolder) -> [FormerReplica] {
    var found: [FormerReplica] = []
    for name in (try? PlainFile.names(in: state.path)) ?? [] {
      let path = "\(state.path)/\(name)/spec.json"
      guard let bytes = try? PlainFile.read(path, sizeMax: Self.specSizeMax),
        let replica = try? ReplicaSpecification(json: bytes), replica.key.folderName == name
      else { continue }
      found.append(Self.read(replica, in: ReplicaFolder(of: replica.key, in: state)))
    }
    return found.sorted { $0.replica.key < $1.replica.key }
  }

  private static func read(
    _ replica: ReplicaSpecification, in folder: ReplicaFolder
  ) -> FormerReplica {
    let status = ReplicaStatusFile(at: folder.status)
    let attempt = status?.attempt ?? 1
    var former = FormerReplica(
      replica: replica, folder: folder, attempt: attempt,
      fate: .over(reason: "the daemon ended before it had started"))
    switch ProcessRecord.read(at: folder.record(ofAttempt: attempt))?.content {
    case .launchFailed(let reason): former.fate = .over(reason: reason)
    case .launched(let start, _):
      if start.bootID == ProcessFacts.bootID() {
        former.fate = .runs(start, status?.adoption ?? .coming)
      } else {
        former.fate = .over(reason: "the machine was started anew")
      }
    case nil: break
    }
    return former
  }
}
