import Fleet
import KVCacheSimulator

/// The keys of `work:`. Their defaults are what `eval` does without flags and without them.
package enum WorkKeys {
  static let policy = ManifestKey(
    "policy", .choice(PolicyName.self), default: .lru, "The simulator's policy")
  static let examples = ManifestKey(
    "num_examples", .integer(1...100_000_000, besides: -1, meaning: "all 300"), default: 300,
    "Scenarios; -1 is all 300")
  static let rollouts = ManifestKey(
    "rollouts_per_example", .integer(1...1_000_000), default: 1, "Rollouts of each scenario")
  static let difficulty = ManifestKey(
    "difficulty", .choice(Difficulty.self), default: .all, "Which scenarios")
  static let seed = ManifestKey("seed", .integer(0...Int.max), default: 42, "Where chance begins")
  static let maxActions = ManifestKey(
    "max_actions_per_step", .integer(1...64), default: 4, "Actions a policy has in one step")
  static let shards = ManifestKey(
    "shards", .integer(1...65536), default: 64,
    "Parts that the work is cut into, whatever the number of nodes")
  static let attempts = ManifestKey(
    "attempts", .integer(1...100), default: 3, "Failures after which an item is given up")
  static let on = ManifestKey("on", .nodeSet, without: "all nodes", "The nodes that work")
  static let watch = ManifestKey(
    "watch",
    .items(of: .text(.any("path with `*` in its last part")), countMax: 64),
    default: [],
    "Files of the nodes whose lines `top` counts as rollouts, absolute or from the home folder; one on a network file system that several nodes have at the same path counts once"
  )
  static let table = ManifestTable(
    "`work`", title: "`work`", policy, examples, rollouts, difficulty, seed, maxActions, shards,
    attempts, on, watch)
}

/// Reads `work:`.
enum WorkReader {
  static func read(
    _ value: ManifestValue, nodes: NodeResolver, faults: inout ManifestFaults
  ) -> ManifestWork {
    var reader = MappingReader(value, WorkKeys.table, faults: &faults)
    var work = ManifestWork()
    let examples = reader.read(WorkKeys.examples, faults: &faults)
    work.settings.exampleCount = examples == -1 ? WorkKeys.examples.absent : examples
    work.settings.rolloutsPerExample = reader.read(WorkKeys.rollouts, faults: &faults)
    work.settings.simulator = SimulatorSpecification(
      policy: reader.read(WorkKeys.policy, faults: &faults),
      difficulty: reader.read(WorkKeys.difficulty, faults: &faults),
      seed: UInt64(reader.read(WorkKeys.seed, faults: &faults)),
      maxActionsPerStep: reader.read(WorkKeys.maxActions, faults: &faults))
    work.settings.shardCount = reader.read(WorkKeys.shards, faults: &faults)
    work.settings.attemptCountMax = reader.read(WorkKeys.attempts, faults: &faults)
    work.settings.nodes =
      reader.value(WorkKeys.on).flatMap { nodes.resolve($0, of: "`on`", faults: &faults) }?
      .map(\.rawValue) ?? []
    work.watchedFiles = reader.read(WorkKeys.watch, faults: &faults).compactMap { item in
      MappingReader.text(item, of: "`watch`", faults: &faults).map(Self.fromHome)
    }
    reader.finish(faults: &faults)
    return work
  }

  /// A path where a login begins, as `ssh NODE ls results` means it too.
  private static func fromHome(_ pattern: String) -> String {
    ["/", "~/"].contains(where: pattern.hasPrefix) ? pattern : "~/\(pattern)"
  }
}

/// The keys of `caches:`.
enum CachesKeys {
  static let root = ManifestKey(
    required: "root",
    .text(
      TextRule(spoken: "absolute path", pattern: #"^/(?!(.*/)?\.\.(/|$))"#) {
        $0.hasPrefix("/") && !$0.split(separator: "/").contains("..")
      }, code: "relative-path", hint: "write an absolute path without `..`"),
    hint: "write a folder on a node-local disk: `root: /local/muster`",
    "Where all caches of a node go, on a disk of its own")
  static let network = ManifestKey(
    "network", .choice(ManifestCaches.Network.self), default: .refuse,
    "Whether `root` may be on a network file system")
  static let table = ManifestTable("`caches`", title: "`caches`", root, network)
}

/// Reads `caches:`.
enum CachesReader {
  static func read(_ value: ManifestValue, faults: inout ManifestFaults) -> ManifestCaches? {
    var reader = MappingReader(value, CachesKeys.table, faults: &faults)
    let root = reader.read(CachesKeys.root, faults: &faults)
    let network = reader.read(CachesKeys.network, faults: &faults)
    reader.finish(faults: &faults)
    return root.map { ManifestCaches(root: $0, network: network) }
  }
}
