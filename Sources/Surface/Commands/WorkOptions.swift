import ArgumentParser
import KVCacheSimulator
import Plan

/// What an eval runs. A flag wins over the manifest's `work:`, and that over the default.
struct WorkOptions: ParsableArguments {
  @Option(help: "One of keep, random, lru, value, compress.")
  var policy: String?

  @Option(
    name: [.customShort("n"), .long], parsing: .unconditional, help: "Scenarios; -1 for 300.")
  var numExamples: Int?

  @Option(name: [.customShort("r"), .long], help: "Episodes of each scenario.")
  var rolloutsPerExample: Int?

  @Option(help: "The environment's seed, 0 to 2^64 - 1.")
  var seed: UInt64?

  @Option(help: "One of easy, medium, hard, all.")
  var difficulty: String?

  @Option(help: "Actions that take effect in a step.")
  var maxActionsPerStep: Int?

  @Option(help: "Fixed ranges of items, independent of the number of nodes.")
  var shards: Int?

  func validate() throws {
    if let count = self.numExamples, count != -1, !(1...1_000_000_000).contains(count) {
      throw ValidationError("num-examples `\(count)` is neither -1 nor in 1 to 1000000000")
    }
    if let shards = self.shards, !(1...65_536).contains(shards) {
      throw ValidationError("shards `\(shards)` is not in 1 to 65536")
    }
    let settings = self.settings(over: nil)
    _ = try SimulatorJob(
      policy: settings.policy, seed: settings.seed, difficulty: settings.difficulty,
      rolloutsPerExample: settings.rolloutsPerExample,
      maxActionsPerStep: settings.maxActionsPerStep)
  }

  func settings(over manifest: WorkSettings?) -> WorkSettings {
    var settings = manifest ?? WorkSettings()
    if let policy = self.policy { settings.policy = policy }
    if let count = self.numExamples { settings.exampleCount = count == -1 ? 300 : count }
    if let count = self.rolloutsPerExample { settings.rolloutsPerExample = count }
    if let seed = self.seed { settings.seed = seed }
    if let difficulty = self.difficulty { settings.difficulty = difficulty }
    if let count = self.maxActionsPerStep { settings.maxActionsPerStep = count }
    if let count = self.shards { settings.shardCount = count }
    return settings
  }
}
