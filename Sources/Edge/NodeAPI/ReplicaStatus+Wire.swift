package import Health
import Launch
import SwiftProtobuf

extension Muster_V1_ReplicaStatus {
  package init(_ status: ReplicaStatus) {
    self = .with {
      $0.service = status.key.service
      $0.index = UInt32(clamping: status.key.index)
      $0.state = Muster_V1_ReplicaState(status.state)
      $0.reason = status.reason
      $0.sinceMilliseconds = status.sinceMilliseconds
      $0.processID = status.processID
      switch status.end {
      case .exited(let status)?: $0.exitStatus = status
      case .signalled(let signal)?: $0.exitSignal = signal
      case .unknown?, nil: break
      }
      $0.attempt = UInt32(clamping: status.attempt)
      $0.lastLogLines = status.lastLogLines
      $0.unproven = status.isUnproven
      $0.logPath = status.logPath
      $0.systemFingerprint = status.systemFingerprint
    }
  }
}

extension ReplicaStatus {
  /// `nil` for a state that this program does not know.
  package init?(_ status: Muster_V1_ReplicaStatus) {
    guard let state = ReplicaPhase(status.state) else { return nil }
    self.init(
      key: ReplicaKey(service: status.service, index: Int(status.index)), state: state)
    self.reason = status.reason
    self.sinceMilliseconds = status.sinceMilliseconds
    self.processID = status.processID
    self.end =
      status.hasExitStatus
      ? .exited(status: status.exitStatus)
      : status.exitSignal == 0 ? nil : .signalled(status.exitSignal)
    self.attempt = Int(status.attempt)
    self.lastLogLines = status.lastLogLines
    self.isUnproven = status.unproven
    self.logPath = status.logPath
    self.systemFingerprint = status.systemFingerprint
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
      $0.state = Muster_V1_ReplicaState(status.state)
      $0.text = status.reason
    }
  }
}

/// Each phase and its state on the wire, once.
private let phases: [(phase: ReplicaPhase, state: Muster_V1_ReplicaState)] = [
  (.waiting, .waiting), (.starting, .starting), (.loading, .loading), (.canary, .canary),
  (.ready, .ready), (.busy, .busy), (.stalled, .stalled), (.draining, .draining),
  (.stopping, .stopping), (.stopped, .stopped), (.backoff, .backoff), (.failed, .failed),
]

extension Muster_V1_ReplicaState {
  fileprivate init(_ phase: ReplicaPhase) {
    self = phases.first { $0.phase == phase }?.state ?? .unspecified
  }
}

extension ReplicaPhase {
  /// `nil` for a state that this program does not know.
  package init?(_ state: Muster_V1_ReplicaState) {
    guard let phase = phases.first(where: { $0.state == state })?.phase else { return nil }
    self = phase
  }
}
