package import KVCacheSimulator

/// An eval of the simulator as the manifest's `work:` and the command line describe it.
package struct WorkSettings: Codable, Equatable, Sendable {
  package var simulator = SimulatorSpecification()
  /// Scenarios, at least 1.
  package var exampleCount = WorkKeys.examples.absent
  /// Rollouts of each scenario, at least 1.
  package var rolloutsPerExample = WorkKeys.rollouts.absent
  package var shardCount = WorkKeys.shards.absent
  /// Failures after which an item is given up.
  package var attemptCountMax = WorkKeys.attempts.absent
  /// Nodes that work; empty: all.
  package var nodes: [String] = []

  package init() {}
}
