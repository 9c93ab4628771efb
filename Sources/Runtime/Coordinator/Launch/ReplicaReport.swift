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
