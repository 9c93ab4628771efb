/// Where a replica stands: the whole list, in the order of a life.
package enum ReplicaPhase: String, CaseIterable, Sendable {
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
