package import Launch

/// What an agent says of a replica.
package struct ReplicaStatus: Equatable, Sendable {
  package var key: ReplicaKey
  package var state: ReplicaPhase
  /// In words; empty where the state says it all.
  package var reason = ""
  /// When it entered the state, by the node's clock, milliseconds since 1970.
  package var sinceMilliseconds: Int64 = 0
  /// 0: no process.
  package var processID: Int64 = 0
  /// `nil` while it runs, and where it was never learnt.
  package var end: ProcessEnd?
  /// Counts from 1.
  package var attempt = 1
  /// The last lines of its log, with a failure; at most 20.
  package var lastLogLines: [String] = []
  /// Ready, but nothing was asked of it.
  package var isUnproven = false
  package var logPath = ""
  /// How its server was started, as its last canary said; empty: unknown. Replicas of one service that
  /// differ were not started alike.
  package var systemFingerprint = ""

  package init(key: ReplicaKey, state: ReplicaPhase) {
    self.key = key
    self.state = state
  }

  /// `nil` unless it ended of itself, and that was seen.
  package var exitStatus: Int32? {
    if case .exited(let status)? = self.end { return status }
    return nil
  }
}
