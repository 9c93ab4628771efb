import Fleet
import FoundationEssentials
package import Health
import Launch
import SwiftProtobuf

extension Muster_V1_ReplicaStatus {
  package init(_ status: ReplicaStatus) {
    // Nothing in it cannot be written.
    self = .with { $0.json = Data((try? CanonicalJSON.bytes(of: status)) ?? []) }
  }
}

extension ReplicaStatus {
  /// `nil` for a state that this program does not know, and for numbers that no agent gives.
  package init?(_ status: Muster_V1_ReplicaStatus) {
    guard let status: ReplicaStatus = try? CanonicalJSON.value(from: status.json),
      UInt32(exactly: status.key.index) != nil, UInt32(exactly: status.attempt) != nil
    else { return nil }
    self = status
  }
}

extension Muster_V1_NodeEvent {
  /// A replica has entered a state.
  package init(_ status: ReplicaStatus) {
    self = .with {
      $0.kind = "state"
      $0.service = status.key.service
      $0.index = UInt32(clamping: status.key.index)
      $0.attempt = UInt32(clamping: status.attempt)
      $0.state = status.state.rawValue
      $0.text = status.reason
    }
  }
}
