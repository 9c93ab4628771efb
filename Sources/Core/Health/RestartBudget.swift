/// Decides whether a replica that has failed is started again, and how long after.
///
/// So many restarts are allowed within an hour: a service that fails once a day goes on for good, one
/// that fails at every start is given up soon. The pause doubles with every restart of that hour.
package struct RestartBudget<Instant: InstantProtocol & Sendable>: Sendable
where Instant.Duration == Duration {
  package enum Decision: Equatable, Sendable {
    case restart(after: Duration)
    /// It was never to be started again, or has been too often.
    case giveUp
  }

  /// Restarts older than this are forgotten.
  package static var window: Duration { .seconds(3600) }
  package static var firstPause: Duration { .seconds(1) }
  package static var pauseMax: Duration { .seconds(60) }

  private let countMax: Int
  private var restarts: [Instant] = []

  /// - Parameter countMax: Within ``window``; 0: never.
  package init(countMax: Int) {
    precondition(countMax >= 0, "countMax is \(countMax), at least 0 is needed")
    self.countMax = countMax
  }

  /// Called once for each failure; a restart counts from here.
  package mutating func failed(at now: Instant) -> Decision {
    self.restarts.removeAll { $0.duration(to: now) >= Self.window }
    guard self.restarts.count < self.countMax else { return .giveUp }
    // Six doublings reach the longest pause.
    let doublings = min(self.restarts.count, 6)
    self.restarts.append(now)
    return .restart(after: min(Self.firstPause * (1 << doublings), Self.pauseMax))
  }
}
