import Fleet
package import KVCacheSimulator

/// `work:`; `nil` where the file says nothing.
package struct ManifestWork: Equatable, Sendable {
  /// With the defaults of what is not written.
  package var settings = WorkSettings()
  package private(set) var watchedFiles: [WatchedPattern] = []
  private var watch: [ManifestValue] = []
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
        "max_actions_per_step", \.settings.simulator.maxActionsPerStep,
        .integer(1...SimulatorSpecification.maxActionsMax),
        "Actions a policy has in one step"),
      .defaulted(
        "shards", \.settings.shardCount, .integer(1...65536),
        "Parts that the work is cut into, whatever the number of nodes"),
      .defaulted(
        "attempts", \.settings.attemptCountMax, .integer(1...100),
        "Failures after which an item is given up"),
      .optional("on", \.on, .nodeSet, without: "all nodes", "The nodes that work"),
      .defaulted(
        "watch", \.watch,
        .list(of: .value(.text(.any("path with `*` in its last part"))), countMax: 64),
        "Files of the nodes whose lines `top` counts as rollouts, absolute or from the home folder, a file that several nodes see once; `SERVICE=PATH`: they are that service's"
      ),
    ])

  /// Called once, after it is read.
  ///
  /// - Parameter services: Their names.
  mutating func resolve(
    _ nodes: NodeResolver, services: [String], faults: inout ManifestFaults
  ) {
    if self.settings.exampleCount == -1 { self.settings.exampleCount = WorkSettings().exampleCount }
    if self.on != nil {
      self.settings.nodes = nodes.nodes(on: self.on, faults: &faults).map(\.rawValue)
    }
    for value in self.watch {
      guard let text = value.text(of: "an entry of `watch`", faults: &faults) else { continue }
      var pattern = WatchedPattern(text)
      if let service = pattern.service, !services.contains(service) {
        faults.error(
          "unknown-service", "`watch` names an unknown service `\(service)`", at: value.location,
          hint: Nearest.hint(for: service, in: services, as: "services"))
      }
      // A path where a login begins, as `ssh NODE ls results` means it too.
      if !["/", "~/"].contains(where: pattern.path.hasPrefix) {
        pattern.path = "~/\(pattern.path)"
      }
      self.watchedFiles.append(pattern)
    }
  }
}

/// Files of the nodes whose lines count as rollouts.
package struct WatchedPattern: Equatable, Sendable {
  /// That the rollouts are of; `nil`: nobody in particular.
  package var service: String?
  /// Absolute, or below `~/`; `*` allowed in its last part.
  package var path: String

  /// - Parameter text: `SERVICE=PATH`, or a path alone.
  package init(_ text: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let isNamed = parts.count == 2 && FolderName.isGivenName(String(parts[0]))
    self.service = isNamed ? String(parts[0]) : nil
    self.path = isNamed ? String(parts[1]) : text
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
