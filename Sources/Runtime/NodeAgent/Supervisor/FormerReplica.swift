import Glibc
import Health
import NodeAPI
import SwiftProtobuf

/// A replica that a daemon before this one started, as its folder tells.
struct FormerReplica: Sendable {
  enum Fate: Sendable {
    /// Something of it may be alive, or its end has not been said.
    case runs(ProcessRecord.Start, ReplicaAdoption)
    /// Why nothing of it can be alive.
    case over(reason: String)
  }

  private static let specSizeMax = 4 << 20

  var spec: Muster_V1_ReplicaSpec
  var folder: ReplicaFolder
  var attempt: Int
  var fate: Fate

  /// Those of its secrets that its holder still has in its environment: the daemon before had them in
  /// memory alone. Blocks.
  var secrets: [String: String] {
    guard case .runs(let start, _) = self.fate, !self.spec.secrets.isEmpty,
      ProcessTable.isAlive(start.holder),
      let bytes = try? PlainFile.read(
        "/proc/\(start.holder.processID)/environ", sizeMax: EnvironmentBlock.sizeMax)
    else { return [:] }
    let names = Set(self.spec.secrets)
    return EnvironmentBlock.parse(bytes).filter { names.contains($0.key) }
  }

  /// In the order of their keys; folders that are not those of replicas are left out. Blocks.
  static func all(in state: StateFolder) -> [FormerReplica] {
    var found: [FormerReplica] = []
    for name in (try? PlainFile.names(in: state.path)) ?? [] {
      let path = "\(state.path)/\(name)/spec.json"
      guard AgentIdentity.isName(name),
        let bytes = try? PlainFile.read(path, sizeMax: Self.specSizeMax),
        let spec = try? Muster_V1_ReplicaSpec(jsonUTF8Bytes: bytes),
        "\(ReplicaKey(spec))" == name
      else { continue }
      found.append(Self.read(spec, in: ReplicaFolder(of: ReplicaKey(spec), in: state)))
    }
    return found.sorted { ReplicaKey($0.spec) < ReplicaKey($1.spec) }
  }

  private static func read(
    _ spec: Muster_V1_ReplicaSpec, in folder: ReplicaFolder
  ) -> FormerReplica {
    let status = ReplicaStatusFile(at: folder.status)
    let attempt = status?.attempt ?? 1
    var former = FormerReplica(
      spec: spec, folder: folder, attempt: attempt,
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
