package import ArgumentParser
import KVCacheSimulator

/// `muster simulate`: the simulator's episodes on this machine, without a manifest.
package struct Simulate: ParsableCommand {
  package static let configuration = CommandConfiguration(
    abstract: "Runs the KV-cache simulator on this machine.",
    discussion: """
      Writes one record a line to standard output, in the order of (task_index, rollout_index); \
      on a terminal, a table by difficulty. The records are byte for byte those that an eval of \
      the same settings merges.
      """)

  package enum Format: String, CaseIterable, ExpressibleByArgument, Sendable {
    case jsonl
    case table
  }

  /// Scenarios where -1 is asked for.
  private static let examplesByDefault = 300
  /// Keeps scenarios times rollouts below 2^60.
  private static let examplesMax = 1_000_000_000

  @Option(help: "One of keep, random, lru, value, compress.")
  var policy = "lru"

  @Option(
    name: [.customShort("n"), .long], parsing: .unconditional,
    help: "Scenarios; -1 for \(Self.examplesByDefault).")
  var numExamples = -1

  @Option(
    name: [.customShort("r"), .long], parsing: .unconditional,
    help: "Episodes of each scenario.")
  var rolloutsPerExample = 1

  @Option(parsing: .unconditional, help: "The environment's seed, 0 to 2^64 - 1.")
  var seed: UInt64 = 42

  @Option(help: "One of easy, medium, hard, all.")
  var difficulty = "all"

  @Option(parsing: .unconditional, help: "Actions that take effect in a step.")
  var maxActionsPerStep = 4

  @Option(help: "jsonl or table; without it, table on a terminal.")
  var format: Format?

  @Flag(help: "Write a line for each step instead: the observation and the actions.")
  var trace = false

  @Option(help: .hidden)
  var bench: Int?

  package init() {}

  package func validate() throws {
    _ = try self.job()
    guard self.numExamples == -1 || (1...Self.examplesMax).contains(self.numExamples) else {
      throw ValidationError(
        "num-examples `\(self.numExamples)` is neither -1 nor in 1 to \(Self.examplesMax)")
    }
    if self.trace, self.format == .table {
      throw ValidationError("`--trace` has no table; leave out `--format table`")
    }
    if let bench = self.bench, !(1...60).contains(bench) {
      throw ValidationError("bench `\(bench)` is not in 1 to 60 seconds")
    }
  }

  package func run() throws {
    let job = try self.job()
    let scenarioCount = self.numExamples == -1 ? Self.examplesByDefault : self.numExamples
    if let bench = self.bench {
      StandardStreams.data(SimulateBench.run(job, for: .seconds(bench)))
      return
    }
    var output = SimulateOutput(job, scenarioCount: UInt64(scenarioCount))
    let isTable = self.format == .table || (self.format == nil && StandardStreams.outputIsTerminal)
    if self.trace {
      output.writeTrace()
    } else if isTable {
      StandardStreams.data(output.table())
    } else {
      output.writeRecords()
    }
  }

  private func job() throws -> SimulatorJob {
    do throws(SimulatorJobError) {
      return try SimulatorJob(
        policy: self.policy, seed: self.seed, difficulty: self.difficulty,
        rolloutsPerExample: self.rolloutsPerExample, maxActionsPerStep: self.maxActionsPerStep)
    } catch {
      throw ValidationError(error.description)
    }
  }
}
