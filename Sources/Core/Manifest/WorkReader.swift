import Fleet
import KVCacheSimulator

/// Reads `work:`.
enum WorkReader {
  static func read(
    _ value: ManifestValue, nodes: NodeResolver, faults: inout ManifestFaults
  ) -> ManifestWork {
    var reader = MappingReader(value, subject: "`work`", faults: &faults)
    var work = ManifestWork()
    let examples = reader.integer("num_examples", in: -1...100_000_000, faults: &faults)
    if examples == 0, let place = reader.value("num_examples")?.location {
      faults.error(
        "out-of-range", "`num_examples` is `0`", at: place,
        hint: "write 1 or more, or -1 for all 300")
    }
    if let examples { work.settings.exampleCount = examples == -1 ? 300 : examples }
    if let count = reader.integer("rollouts_per_example", in: 1...1_000_000, faults: &faults) {
      work.settings.rolloutsPerExample = count
    }
    if let count = reader.integer("shards", in: 1...65536, faults: &faults) {
      work.settings.shardCount = count
    }
    if let count = reader.integer("attempts", in: 1...100, faults: &faults) {
      work.settings.attemptCountMax = count
    }
    work.settings.nodes =
      reader.value("on").flatMap { nodes.resolve($0, of: "`on`", faults: &faults) }?
      .map(\.rawValue) ?? []
    work.settings.simulator = Self.simulator(&reader, faults: &faults)
    work.watchedFiles = Self.watchedFiles(&reader, faults: &faults)
    reader.finish(faults: &faults)
    return work
  }

  private static func simulator(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> SimulatorSpecification {
    let standard = SimulatorSpecification()
    let seed = reader.integer("seed", in: 0...Int.max, faults: &faults).map(UInt64.init)
    return SimulatorSpecification(
      policy: reader.choice("policy", of: PolicyName.self, faults: &faults) ?? standard.policy,
      difficulty: reader.choice("difficulty", of: Difficulty.self, faults: &faults)
        ?? standard.difficulty,
      seed: seed ?? standard.seed,
      maxActionsPerStep: reader.integer("max_actions_per_step", in: 1...64, faults: &faults)
        ?? standard.maxActionsPerStep)
  }

  private static func watchedFiles(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> [String] {
    let patterns = reader.items("watch", faults: &faults)
    if patterns.count > ManifestWork.watchedFileCountMax {
      faults.error(
        "too-many", "`watch` has \(patterns.count) patterns",
        at: patterns[ManifestWork.watchedFileCountMax].location,
        hint: "write at most \(ManifestWork.watchedFileCountMax)")
    }
    // Where a login begins, as `ssh NODE ls results` means it too.
    return patterns.map(\.text).map { pattern in
      ["/", "~/"].contains(where: pattern.hasPrefix) ? pattern : "~/\(pattern)"
    }
  }
}

/// Reads `caches:`.
enum CachesReader {
  static func read(_ value: ManifestValue, faults: inout ManifestFaults) -> ManifestCaches? {
    var reader = MappingReader(value, subject: "`caches`", faults: &faults)
    let place = reader.value("root")?.location
    let root = reader.text("root", faults: &faults)
    let network = reader.choice(
      "network", of: ManifestCaches.Network.self, faults: &faults)
    reader.finish(faults: &faults)
    guard let root, let place else {
      faults.error(
        "no-root", "`caches` names no `root`", at: value.location,
        hint: "write a folder on a node-local disk: `root: /local/muster`")
      return nil
    }
    guard root.hasPrefix("/"), !root.split(separator: "/").contains("..") else {
      faults.error(
        "relative-path", "`root` is `\(root.prefix(80))`", at: place,
        hint: "write an absolute path without `..`")
      return nil
    }
    return ManifestCaches(root: root, network: network ?? .refuse)
  }
}
