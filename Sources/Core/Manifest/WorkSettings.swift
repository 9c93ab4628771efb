package import KVCacheSimulator

/// An eval of the simulator as the manifest's `work:` and the command line describe it.
package struct WorkSettings: Codable, Equatable, Sendable {
  package var simulator = SimulatorSpecification()
  /// Scenarios, at least 1.
  package var exampleCount = 300
  /// Rollouts of each scenario, at least 1.
  package var rolloutsPerExample = 1
  package var shardCount = 64
  /// Failures after which an item is given up.
  package var attemptCountMax = 3
  /// Nodes that work; empty: all.
  package var nodes: [String] = []

  package init() {}
}
