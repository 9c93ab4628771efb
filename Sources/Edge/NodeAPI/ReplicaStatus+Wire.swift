import Fleet
import FoundationEssentials
package import Health
import Launch
import SwiftProtobuf

extension Muster_V1_ReplicaStatus {
  package init(_ status: ReplicaStatus) {
    // Nothing in it cannot be written.
    self = .with { $0.json = Data((try? CanonicalJSON.bytes(of: status.cut)) ?? []) }
  }
}

extension ReplicaStatus {
  /// `nil` for a state that this program does not know, and for numbers that no agent gives.
  package init?(_ status: Muster_V1_ReplicaStatus) {
    guard let status: ReplicaStatus = try? CanonicalJSON.value(from: status.json),
      UInt32(exactly: status.key.index) != nil, UInt32(exactly: status.attempt) != nil
    else { return nil }
    self = status.cut
  }

  /// At most 20 lines, as it says of itself.
  private static let logLineCountMax = 20

  /// With texts of at most their sizes: a server and a log put into them what they like.
  fileprivate var cut: Self {
    var status = self
    status.key.service = self.key.service.cut(toBytes: AgentMessages.nameSizeMax)
    status.reason = self.reason.cut(toBytes: AgentMessages.textSizeMax)
    status.lastLogLines = self.lastLogLines.suffix(Self.logLineCountMax).map {
      $0.cut(toBytes: AgentMessages.textSizeMax)
    }
    status.logPath = self.logPath.cut(toBytes: AgentMessages.textSizeMax)
    status.systemFingerprint = self.systemFingerprint.cut(toBytes: AgentMessages.nameSizeMax)
    return status
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
