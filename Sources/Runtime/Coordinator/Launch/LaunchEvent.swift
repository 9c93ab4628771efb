package import Fleet
package import Plan

/// What happens during a launch, for the journal and for whoever watches.
package enum LaunchEvent: Equatable, Sendable {
  case attached(node: String, processID: Int64)
  case faulted(NodeFault)
  /// What a node said of itself.
  case examined(PreflightAnswer)
  /// What the facts of all nodes add up to, before anything starts.
  case checked([PreflightFinding])
  case starting(services: [String])
  case reported(ReplicaReport)
  /// Nothing that ends the launch, but something to know.
  case warned(Diagnostic)
  case succeeded
  case aborted([Diagnostic])
  /// After an abort or a stop: what the agents could not prove gone.
  case leftBehind(node: String, [String])
}

/// How a launch came out.
package struct LaunchResult: Equatable, Sendable {
  /// What a launch fails by.
  package enum Culprit: Equatable, Sendable {
    case nodes
    case service
  }

  /// Why not every service is ready; empty: they are.
  package var reasons: [Diagnostic] = []
  /// Whether nothing of the run is left: all that this launch started is gone again, as the agents have
  /// proved, and nothing was there before.
  package var isOver = false

  /// Of the reasons.
  package var culprit: Culprit

  package init(
    reasons: [Diagnostic] = [], by culprit: Culprit = .nodes, isOver: Bool = false
  ) {
    self.reasons = reasons
    self.culprit = culprit
    self.isOver = isOver
  }
}
