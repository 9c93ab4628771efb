package import Health

/// How a fleet is as a whole; `status`, `top` and whoever shows it say the same of the same.
package enum FleetCondition: Equatable, Sendable {
  /// Every replica is ready.
  case ready
  /// One has failed, whatever else there is.
  case failed
  /// A node does not answer.
  case unreachable
  /// Anything between.
  case mixed

  /// - Parameters:
  ///   - states: The last that is known of each planned replica; `nil`: nothing.
  ///   - hasUnreachable: Whether a node does not answer.
  package init(states: [ReplicaPhase?], hasUnreachable: Bool) {
    if states.contains(.failed) {
      self = .failed
    } else if hasUnreachable {
      self = .unreachable
    } else {
      self = states.allSatisfy { $0 == .ready || $0 == .busy } ? .ready : .mixed
    }
  }
}
