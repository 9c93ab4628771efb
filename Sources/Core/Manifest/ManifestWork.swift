import Fleet
package import KVCacheSimulator

/// `work:`; `nil` where the file says nothing.
package struct ManifestWork: Equatable, Sendable {
  /// With the defaults of what is not written.
  package var settings = WorkSettings()
  /// Patterns of the files whose lines are counted, absolute or below `~/`; as written.
  package var watchedFiles: [String] = []
  private var on: ManifestValue?
  private var seed: Int {
    get { Int(clamping: self.settings.simulator.seed) }
    set { self.settings.simulator.seed = UInt64(newValue) }
  }

  static let mapping = ManifestMapping<Self>(
    Self(), "`work`", title: "`work`",
    [
      .defaulted("policy", \.settings.simulator.policy, .choice(), "The simulator's policy"),
      .defaulted(
        "num_examples", \.settings.exampleCount,
        .integer(WorkSettings.exampleCounts, besides: -1, meaning: "all 300"),
        "Scenarios; -1 is all 300"),
      .defaulted(
        "rollouts_per_example", \.settings.rolloutsPerExample, .integer(WorkSettings.rolloutCounts),
        "Rollouts of each scenario"),
      .defaulted("difficulty", \.settings.simulator.difficulty, .choice(), "Which scenarios"),
      .defaulted("seed", \.seed, .integer(0...Int.max), "Where chance begins"),
      .defaulted(
        "max_actions_per_step", \.settings.simulator.maxActionsPerStep, .integer(1...64),
        "Actions a policy has in one step"),
      .defaulted(
        "shards", \.settings.shardCount, .integer(1...65536),
        "Parts that the work is cut into, whatever the number of nodes"),
      .defaulted(
        "attempts", \.settings.attemptCountMax, .integer(1...100),
        "Failures after which an item is given up"),
      .optional("on", \.on, .nodeSet, without: "all nodes", "The nodes that work"),
      .defaulted(
        "watch", \.watchedFiles,
        .list(of: .text(like: .any("path with `*` in its last part")), countMax: 64),
        "Files of the nodes whose lines `top` counts as rollouts, absolute or from the home folder; one on a network file system that several nodes have at the same path counts once"
      ),
    ])

  /// Called once, after it is read.
  mutating func resolve(_ nodes: NodeResolver, faults: inout ManifestFaults) {
    if self.settings.exampleCount == -1 { self.settings.exampleCount = WorkSettings().exampleCount }
    if self.on != nil {
      self.settings.nodes = nodes.nodes(on: self.on, faults: &faults).map(\.rawValue)
    }
    // A path where a login begins, as `ssh NODE ls results` means it too.
    self.watchedFiles = self.watchedFiles.map {
      $0.hasPrefix("/") || $0.hasPrefix("~/") ? $0 : "~/\($0)"
    }
  }
}

/// An eval of the simulator as the manifest's `work:` and the command line describe it. What holds
/// without either is what `eval` does without flags.
package struct WorkSettings: Codable, Equatable, Sendable {
  package static let exampleCounts = 1...100_000_000
  package static let rolloutCounts = 1...1_000_000

  package var simulator = SimulatorSpecification()
  /// Scenarios.
  package var exampleCount = 300
  /// Of each scenario.
  package var rolloutsPerExample = 1
  package var shardCount = 64
  /// Failures after which an item is given up.
  package var attemptCountMax = 3
  /// Nodes that work; empty: all.
  package var nodes: [String] = []

  package init() {}
}
