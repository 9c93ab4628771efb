package import Plan

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

extension [PreflightAnswer] {
  /// As the plan has the nodes, whichever answered first.
  package func inOrder(of plan: Plan) -> [PreflightAnswer] {
    plan.nodes.compactMap { node in self.last { $0.node == node.name } }
  }
}
