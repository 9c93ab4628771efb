package import Fleet
package import Health
package import Launch
import NodeAPI

/// What the agent of a node says of a replica.
@dynamicMemberLookup
package struct ReplicaReport: Equatable, Sendable {
  /// The one that was asked: an agent speaks for its own node only.
  package var node: String
  package var status: ReplicaStatus

  package init(_ status: ReplicaStatus, node: String) {
    self.node = node
    self.status = status
  }

  /// `nil` for a state that this program does not know.
  init?(_ status: Muster_V1_ReplicaStatus, node: String) {
    guard let status = ReplicaStatus(status) else { return nil }
    self.init(status, node: node)
  }

  package init(node: String, key: ReplicaKey, state: ReplicaPhase, reason: String = "") {
    self.init(ReplicaStatus(key: key, state: state), node: node)
    self.status.reason = reason
  }

  package subscript<Value>(dynamicMember member: WritableKeyPath<ReplicaStatus, Value>) -> Value {
    get { self.status[keyPath: member] }
    set { self.status[keyPath: member] = newValue }
  }

  package subscript<Value>(dynamicMember member: KeyPath<ReplicaStatus, Value>) -> Value {
    self.status[keyPath: member]
  }
}

extension [ReplicaReport] {
  /// One warning for each service whose replicas serve, and were not started alike: vLLM's fingerprint
  /// has its version and a hash of its configuration, so that answers may differ where it differs.
  package func startedUnlike() -> [Diagnostic] {
    var warnings: [Diagnostic] = []
    let serving = self.filter { !$0.systemFingerprint.isEmpty }
    for service in Set(serving.map(\.key.service)).sorted() {
      let groups = Dictionary(
        grouping: serving.filter { $0.key.service == service }, by: \.systemFingerprint)
      guard groups.count > 1 else { continue }
      // What most have first.
      let ordered = groups.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
      warnings.append(
        Diagnostic(
          .warning, code: "started-unlike",
          "the replicas of `\(service)` were not started alike",
          causes: ordered.map { fingerprint, reports in
            let nodes = NodeSet(reports.map { NodeName($0.node) }).folded
            return "`\(fingerprint)` on \(nodes)"
          },
          hints: ["compare versions, arguments and variables: `muster check --nodes`"]))
    }
    return warnings
  }
}
