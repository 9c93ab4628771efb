package import Plan

/// A link on which the agent has answered, as a launch uses it.
package protocol LaunchSession: Sendable {
  /// Of the agent's daemon.
  var processID: Int64 { get }
  /// Whether something of the run lived on the node when the link was opened.
  var runsReplicas: Bool { get }

  /// Asks the node what it is and has.
  ///
  /// - Parameter now: Milliseconds since 1970 by the coordinator's clock.
  func examine(_ plan: Plan, _ now: @Sendable () -> Int64) async throws(NodeFault)
    -> PreflightAnswer

  /// Passes on the state of every replica, then each change, for as long as the agent reports.
  func watch(_ hear: @escaping @Sendable (ReplicaReport) async -> Void) async throws

  /// Starts what does not run of these services on this node, and passes on how all its replicas are.
  func start(
    _ services: [Plan.Service], _ hear: @escaping @Sendable (ReplicaReport) -> Void
  ) async throws(NodeFault)

  /// Stops every replica of the node and ends its daemon.
  ///
  /// - Returns: What is there yet.
  func stop(timeout: Duration) async throws(NodeFault) -> NodeRemains
}

/// Opens links for a launch.
package protocol LaunchConnector: Sendable {
  associatedtype Session: LaunchSession

  /// Opens a link, passes it to `body`, and closes it when that returns. Opening has a deadline.
  func withSession(
    to node: Plan.Node, _ body: @escaping @Sendable (Session) async throws -> Void
  ) async throws(NodeFault)
}

/// The look at the nodes before a launch.
package struct LaunchPreflight: Sendable {
  /// Whether an error keeps everything from starting; it is told in any case.
  package var refuses: Bool
  /// Milliseconds since 1970, for the nodes' clocks to be compared with.
  package var now: @Sendable () -> Int64

  package init(refuses: Bool, now: @escaping @Sendable () -> Int64) {
    self.refuses = refuses
    self.now = now
  }
}
