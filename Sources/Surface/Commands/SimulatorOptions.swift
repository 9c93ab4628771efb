import ArgumentParser
import KVCacheSimulator
import Manifest
import Rollouts

/// What is simulated. A flag wins over the manifest's `work:` where there is one, and that over the
/// default.
struct SimulatorOptions: ParsableArguments {
  @Option(help: "One of keep, random, lru, value, compress; default: lru.")
  var policy: String?

  @Option(
    name: [.customShort("n"), .long], parsing: .unconditional,
    help: "Scenarios; -1, the default, for \(WorkSettings().exampleCount).")
  var numExamples: Int?

  @Option(
    name: [.customShort("r"), .long], parsing: .unconditional,
    help: "Episodes of each scenario; default: 1.")
  var rolloutsPerExample: Int?

  @Option(
    parsing: .unconditional, help: "The environment's seed, 0 to 2^63 - 1; default: 42.")
  var seed: UInt64?

  @Option(help: "One of easy, medium, hard, all; default: all.")
  var difficulty: String?

  @Option(parsing: .unconditional, help: "Actions that take effect in a step; default: 4.")
  var maxActionsPerStep: Int?

  func validate() throws {
    let examples = WorkSettings.exampleCounts
    if let count = self.numExamples, count != -1, !examples.contains(count) {
      throw ValidationError(
        "num-examples `\(count)` is neither -1 nor in 1 to \(examples.upperBound)")
    }
    try Self.check("rollouts-per-example", self.rolloutsPerExample, in: WorkSettings.rolloutCounts)
    if let seed = self.seed, seed > Int.max {
      throw ValidationError("seed `\(seed)` is not in 0 to \(Int.max)")
    }
    _ = try self.settings(over: nil)
  }

  /// - Parameter episodeCost: Each episode of an eval waits so long.
  /// - Throws: `ValidationError`.
  func settings(
    over manifest: WorkSettings?, episodeCost: Duration = .zero
  ) throws -> WorkSettings {
    var settings = manifest ?? WorkSettings()
    let simulator = settings.simulator
    do throws(SimulatorSpecificationError) {
      settings.simulator = try SimulatorSpecification(
        policy: self.policy ?? simulator.policy.rawValue, seed: self.seed ?? simulator.seed,
        difficulty: self.difficulty ?? simulator.difficulty.rawValue,
        maxActionsPerStep: self.maxActionsPerStep ?? simulator.maxActionsPerStep,
        episodeCost: episodeCost)
    } catch {
      throw ValidationError(error.description)
    }
    if let count = self.numExamples {
      settings.exampleCount = count == -1 ? WorkSettings().exampleCount : count
    }
    settings.rolloutsPerExample = self.rolloutsPerExample ?? settings.rolloutsPerExample
    return settings
  }
}

/// What an eval runs: the simulator, and how it is split.
struct WorkOptions: ParsableArguments {
  @OptionGroup var simulator: SimulatorOptions

  @Option(help: "Fixed ranges of items, independent of the number of nodes; default: 64.")
  var shards: Int?

  @Option(help: "Failures after which an item is given up; default: 3.")
  var attempts: Int?

  @Option(help: "Each episode waits so long, such as 5ms: stands for a model's answer.")
  var episodeCost = EpisodeCost(duration: .zero)

  func validate() throws {
    try Self.check("shards", self.shards, in: 1...WorkPlan.maximumShardCount)
    try Self.check("attempts", self.attempts, in: WorkPlan.attemptCounts)
  }

  func settings(over manifest: WorkSettings?) throws -> WorkSettings {
    var settings = try self.simulator.settings(
      over: manifest, episodeCost: self.episodeCost.duration)
    settings.shardCount = self.shards ?? settings.shardCount
    settings.attemptCountMax = self.attempts ?? settings.attemptCountMax
    return settings
  }
}

extension WorkSettings {
  /// The items of an eval of the simulator.
  ///
  /// - Throws: `CommandFailure` where they are too many.
  func workPlan() throws -> WorkPlan {
    let max = WorkPlan.maximumItemCount
    guard self.exampleCount <= Int(max) / self.rolloutsPerExample else {
      throw CommandFailure(
        .failed, code: "too-many-items",
        "\(self.exampleCount) scenarios of \(self.rolloutsPerExample) rollouts are too many",
        hints: ["an eval has at most \(max) items: lower one of the two"])
    }
    return try WorkPlan(
      kind: SimulatorSpecification.kind, specification: try self.simulator.canonicalJSON(),
      taskCount: UInt64(self.exampleCount), rolloutsPerTask: UInt64(self.rolloutsPerExample),
      attemptCountMax: self.attemptCountMax, shardCount: self.shardCount)
  }
}

/// A time such as `5ms`, `250us`, `1.5s`; at most an hour.
struct EpisodeCost: ExpressibleByArgument {
  var duration: Duration

  init(duration: Duration) {
    self.duration = duration
  }

  init?(argument: String) {
    let units: [(String, Double)] = [("us", 1e-6), ("ms", 1e-3), ("s", 1)]
    guard let (suffix, scale) = units.first(where: { argument.hasSuffix($0.0) }),
      let number = Double(argument.dropLast(suffix.count)), number >= 0, number * scale <= 3600
    else { return nil }
    self.duration = .seconds(number * scale)
  }

  var defaultValueDescription: String { "0s" }
}
