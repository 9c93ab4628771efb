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
