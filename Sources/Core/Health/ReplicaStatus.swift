package import Launch

/// What an agent says of a replica.
package struct ReplicaStatus: Codable, Equatable, Sendable {
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
  /// The epoch of the coordinator that had it started, whatever restarts followed; `nil`: unknown.
  package var startedBy: UInt64?
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

/// How a process came to its end.
package enum ProcessEnd: Codable, Equatable, Sendable {
  /// 0 ... 255.
  case exited(status: Int32)
  /// The number of the signal.
  case signalled(Int32)
  /// Whoever waited for it was killed before.
  case unknown
}

extension ProcessEnd: CustomStringConvertible {
  package var description: String {
    switch self {
    case .exited(let status): "ended with status \(status)"
    case .signalled(let signal): "was ended by signal \(signal)"
    case .unknown: "ended with a status that nobody learnt"
    }
  }
}

/// Where a replica stands: the whole list, in the order of a life.
package enum ReplicaPhase: String, CaseIterable, Codable, Sendable {
  /// It has no process yet.
  case waiting
  /// Its process is up, and nothing more is known.
  case starting
  /// Its log shows that loading goes on.
  case loading
  /// Its server answers, and a completion through the real path is under way.
  case canary
  case ready
  /// Its process lives, but the last probe was not answered as it should be.
  case busy
  /// Requests run and no counter moves; needs counters.
  case stalled
  /// It takes no new requests; needs a gateway in front of it.
  case draining
  case stopping
  case stopped
  /// Between two attempts.
  case backoff
  case failed

  /// Whether nothing happens to it any more of itself.
  package var isFinal: Bool {
    switch self {
    case .stopped, .failed: true
    case .waiting, .starting, .loading, .canary, .ready, .busy, .stalled, .draining, .stopping,
      .backoff:
      false
    }
  }
}
