package import Health
package import NodeAPI

/// Which replica: its service and its index within it.
package struct ReplicaKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var service: String
  package var index: Int

  package init(service: String, index: Int) {
    self.service = service
    self.index = index
  }

  package var description: String { "\(self.service)/\(self.index)" }

  package static func < (lhs: Self, rhs: Self) -> Bool {
    (lhs.service, lhs.index) < (rhs.service, rhs.index)
  }
}

/// What an agent says of a replica.
package struct ReplicaReport: Equatable, Sendable {
  package var node: String
  package var key: ReplicaKey
  package var state: ReplicaPhase
  /// In words; empty where the state says it all.
  package var reason: String
  /// By the node's clock, milliseconds since 1970.
  package var sinceMilliseconds: Int64
  /// 0: no process.
  package var processID: Int64
  /// `nil` while it runs, and where it was never learnt.
  package var exitStatus: Int32?
  /// Counts from 1.
  package var attempt: Int
  /// With a failure, at most 20.
  package var lastLogLines: [String]
  /// Ready, but no probe was declared.
  package var isUnproven: Bool
  package var logPath: String
  /// How its server was started, as its last canary said; empty: unknown.
  package var systemFingerprint: String

  /// - Returns: `nil` for a state that this program does not know.
  package init?(_ status: Muster_V1_ReplicaStatus, node: String) {
    guard let state = ReplicaPhase(status.state) else { return nil }
    self.node = node
    self.key = ReplicaKey(service: status.service, index: Int(status.index))
    self.state = state
    self.reason = status.reason
    self.sinceMilliseconds = status.sinceMilliseconds
    self.processID = status.processID
    self.exitStatus = status.hasExitStatus ? status.exitStatus : nil
    self.attempt = Int(status.attempt)
    self.lastLogLines = status.lastLogLines
    self.isUnproven = status.unproven
    self.logPath = status.logPath
    self.systemFingerprint = status.systemFingerprint
  }

  /// For tests of what is decided from reports.
  package init(node: String, key: ReplicaKey, state: ReplicaPhase, reason: String = "") {
    self.node = node
    self.key = key
    self.state = state
    self.reason = reason
    self.sinceMilliseconds = 0
    self.processID = 0
    self.exitStatus = nil
    self.attempt = 1
    self.lastLogLines = []
    self.isUnproven = false
    self.logPath = ""
    self.systemFingerprint = ""
  }
}

extension ReplicaPhase {
  /// - Returns: `nil` for a state that this program does not know.
  init?(_ state: Muster_V1_ReplicaState) {
    switch state {
    case .waiting: self = .waiting
    case .starting: self = .starting
    case .loading: self = .loading
    case .canary: self = .canary
    case .ready: self = .ready
    case .busy: self = .busy
    case .stalled: self = .stalled
    case .draining: self = .draining
    case .stopping: self = .stopping
    case .stopped: self = .stopped
    case .backoff: self = .backoff
    case .failed: self = .failed
    case .unspecified, .UNRECOGNIZED: return nil
    }
  }
}
