import Fleet
@testable import KVCacheSimulator
import Rollouts
import Testing

/// Random agents over random scenarios: what is kept as it changes equals what is counted anew.
struct InvariantTests {
  /// simulator.md §3, literally.
  private static func memoryFromScratch(_ simulator: KVCacheSimulator) -> Int {
    let inGPU = simulator.sequences.filter { !$0.isSwapped }
    var memory = 0
    for sequence in inGPU {
      memory +=
        Self.privatePages(sequence, simulator) * 128 * sequence.quantization.quartersPerToken
    }
    for (index, prefix) in simulator.memory.prefixes.enumerated() {
      let tiers = inGPU.filter { Int($0.prefix) == index }.map(\.quantization.quartersPerToken)
      memory += Int(prefix.pages) * 128 * (tiers.max() ?? 0)
    }
    return memory
  }

  private static func privatePages(
    _ sequence: CachedSequence, _ simulator: KVCacheSimulator
  ) -> Int {
    let pages = (Int(sequence.tokens) + 127) / 128
    let shared =
      sequence.prefix < 0 ? 0 : Int(simulator.memory.prefixes[Int(sequence.prefix)].pages)
    return max(0, pages - shared)
  }

  private static func check(_ simulator: KVCacheSimulator) {
    #expect(simulator.memoryInUse == Self.memoryFromScratch(simulator))
    for sequence in simulator.sequences + simulator.pending {
      #expect(Int(sequence.privatePages) == Self.privatePages(sequence, simulator))
      #expect(sequence.tokens <= sequence.target)
      #expect((0...1).contains(sequence.hotness))
    }
    let ids = (simulator.sequences + simulator.pending).map(\.id)
    #expect(Set(ids).count == ids.count)
    #expect(simulator.pending.map(\.id) == simulator.pending.map(\.id).sorted())
    #expect(simulator.pending.allSatisfy { $0.waits < 5 })
  }

  @Test(arguments: 0..<30)
  func `memory counted as it changes equals memory counted anew`(seed: UInt64) {
    var agent = SplitMix64(state: seed)
    var simulator = KVCacheSimulator(maxActionsPerStep: 6)
    simulator.start(seed: seed, index: agent.next(), difficulty: .hard)
    Self.check(simulator)
    while !simulator.isOver {
      for _ in 0..<6 {
        guard let sequence = simulator.sequences.randomElement(using: &agent) else { break }
        let verb = ActionVerb.allCases[agent.int(0, 3)]
        var without = simulator
        _ = without.apply(.evict, sequenceID: Int(sequence.id))
        if simulator.actionsTaken < 6 {
          #expect(
            simulator.memory.freed(by: sequence) == simulator.memoryInUse - without.memoryInUse)
        }
        _ = simulator.apply(verb, sequenceID: Int(sequence.id))
        Self.check(simulator)
      }
      simulator.advance()
      Self.check(simulator)
    }
  }

  @Test func `an episode does not depend on those that ran before it`() throws {
    let job = try SimulatorSpecification(
      policy: "random", seed: .max, difficulty: "all")
    var used = SimulatorWorker(job)
    for task in (0..<40 as Range<UInt64>).reversed() {
      var fresh = SimulatorWorker(job)
      var (one, other): ([UInt8], [UInt8]) = ([], [])
      used.appendTrace(of: ItemKey(taskIndex: task, rolloutIndex: 1), to: &one)
      used.appendRecord(of: ItemKey(taskIndex: task, rolloutIndex: 1), to: &one)
      fresh.appendTrace(of: ItemKey(taskIndex: task, rolloutIndex: 1), to: &other)
      fresh.appendRecord(of: ItemKey(taskIndex: task, rolloutIndex: 1), to: &other)
      #expect(one == other)
      #expect(one.count { $0 == UInt8(ascii: "\n") } == 16)
    }
  }

  @Test(arguments: PolicyName.allCases)
  func `only random looks at the rollout`(policy: PolicyName) throws {
    var worker = SimulatorWorker(
      try SimulatorSpecification(policy: policy.rawValue, seed: 3, difficulty: "hard"))
    var differing = 0
    for task in 0..<20 as Range<UInt64> {
      var (one, other): ([UInt8], [UInt8]) = ([], [])
      worker.appendTrace(of: ItemKey(taskIndex: task, rolloutIndex: 0), to: &one)
      let actions = worker.episode
      worker.appendTrace(of: ItemKey(taskIndex: task, rolloutIndex: 1), to: &other)
      if actions.tally != worker.episode.tally { differing += 1 }
    }
    #expect((differing > 0) == (policy == .random))
  }
}
