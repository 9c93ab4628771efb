@testable import KVCacheSimulator
import Fleet
import Rollouts
import Testing

/// simulator.md §9: the tables.
struct VectorTests {
  struct Scenario: Sendable {
    var index: UInt64
    var tier: DifficultyTier
    var budget: Int
    var pattern: ArrivalPattern
    var pages: [Int]
    var sequences: Int
    var memory: Int
    var usage: Double
  }

  @Test(arguments: [
    Scenario(
      index: 0, tier: .easy, budget: 923, pattern: .low, pages: [6], sequences: 16, memory: 40960,
      usage: 0.6771397616468039),
    Scenario(
      index: 1, tier: .medium, budget: 879, pattern: .medium, pages: [8], sequences: 24,
      memory: 41472, usage: 0.7199232081911263),
    Scenario(
      index: 2, tier: .hard, budget: 734, pattern: .bursty, pages: [3], sequences: 9,
      memory: 35328, usage: 0.7344175749318801),
  ])
  func `a scenario begins as published`(_ expected: Scenario) {
    var simulator = KVCacheSimulator()
    simulator.start(seed: 42, index: expected.index, difficulty: .all)
    #expect(simulator.tier == expected.tier)
    #expect(simulator.budgetPermille == expected.budget)
    #expect(simulator.pattern == expected.pattern)
    #expect(simulator.memory.prefixes.map { Int($0.pages) } == expected.pages)
    #expect(simulator.sequences.count == expected.sequences)
    #expect(simulator.memoryInUse == expected.memory)
    #expect(simulator.usage == expected.usage)
  }

  @Test func `the first sequences of index 0 are as published`() {
    var simulator = KVCacheSimulator()
    simulator.start(seed: 42, index: 0, difficulty: .all)
    let (first, second) = (simulator.sequences[0], simulator.sequences[1])
    #expect(first.type == .context && first.tokens == 801 && first.target == 801)
    #expect(first.rate == 0 && first.priority == 66 && first.prefix == 0 && first.phase == .idle)
    #expect(second.type == .generation && second.tokens == 292 && second.target == 322)
    #expect(second.rate == 2 && second.priority == 62 && second.prefix == -1)
    #expect(second.phase == .decode)
  }

  struct Outcome: Sendable {
    var policy: String
    var index: UInt64
    /// failures, tokens, pressure, completions, admitted, pending
    var counts: [Int]
    /// evict, compress, swap, keep
    var actions: [Int]
    var reward: Double

    init(_ policy: String, _ index: UInt64, _ counts: [Int], _ actions: [Int], _ reward: Double) {
      (self.policy, self.index, self.counts) = (policy, index, counts)
      (self.actions, self.reward) = (actions, reward)
    }
  }

  @Test(arguments: [
    Outcome("keep", 0, [0, 316, 3, 9, 13, 2], [0, 0, 0, 15], 0.2148604958677686),
    Outcome("keep", 1, [9, 559, 9, 9, 9, 12], [0, 0, 0, 15], -0.1184010810810811),
    Outcome("keep", 2, [22, 213, 13, 2, 9, 14], [0, 0, 0, 15], -0.2924482692307693),
    Outcome("lru", 0, [0, 305, 0, 9, 11, 0], [1, 0, 0, 0], 0.2576045454545454),
    Outcome("lru", 1, [0, 571, 0, 8, 15, 2], [6, 0, 0, 0], 0.31859310344827585),
    Outcome("lru", 2, [0, 299, 8, 4, 38, 6], [25, 0, 0, 0], 0.15900888888888887),
    Outcome("compress", 1, [0, 627, 9, 8, 21, 3], [0, 42, 0, 0], 0.26869551198257074),
    Outcome("compress", 2, [7, 334, 13, 5, 28, 9], [0, 52, 0, 0], -0.24059287531806617),
    Outcome("random", 0, [0, 323, 0, 8, 15, 2], [1, 1, 2, 1], 0.251055737704918),
    Outcome("random", 2, [14, 256, 13, 2, 20, 9], [7, 7, 4, 7], -0.2902490425531915),
  ])
  func `an episode ends as published`(_ expected: Outcome) throws {
    var worker = SimulatorWorker(
      try SimulatorSpecification(policy: expected.policy, seed: 42, difficulty: "all"))
    worker.run(ItemKey(taskIndex: expected.index, rolloutIndex: 0))
    let tally = worker.episode.tally
    #expect(
      [
        tally.failures, tally.tokens, tally.pressureSteps, tally.completions, tally.admissions,
        worker.episode.pending.count,
      ] == expected.counts)
    #expect(
      [tally.evictions, tally.compressions, tally.swaps, tally.keeps] == expected.actions)
    #expect(Reward(worker.episode).total == expected.reward)
  }

  @Test(arguments: [("keep", 7.24, 7.74), ("lru", 0.00, 3.59), ("compress", 0.87, 5.91)])
  func `300 scenarios average the calibrated failures and pressure`(
    policy: String, failures: Double, pressure: Double
  ) throws {
    var worker = SimulatorWorker(
      try SimulatorSpecification(policy: policy, seed: 42, difficulty: "all"))
    var (failureSum, pressureSum) = (0, 0)
    for task in 0..<300 {
      worker.run(ItemKey(taskIndex: UInt64(task), rolloutIndex: 0))
      failureSum += worker.episode.tally.failures
      pressureSum += worker.episode.tally.pressureSteps
    }
    #expect(abs(Double(failureSum) / 300 - failures) <= 0.005)
    #expect(abs(Double(pressureSum) / 300 - pressure) <= 0.005)
  }

  @Test func `draws are those of SplitMix64`() {
    var generator = SplitMix64(state: 42)
    let expected: [UInt64] = [0xbdd7_3226_2feb_6e95, 0x28ef_e333_b266_f103, 0x4752_6757_130f_9f52]
    #expect(expected.map { _ in generator.draw() } == expected)
    var (one, other) = (SplitMix64(state: 7), SplitMix64(state: 7))
    for _ in 0..<100 { #expect(one.draw() == other.next()) }
  }
}
