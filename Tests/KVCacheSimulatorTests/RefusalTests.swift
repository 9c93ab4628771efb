import KVCacheSimulator
import Testing

/// simulator.md §9: the script that meets the refusals.
struct RefusalTests {
  private static func takeScriptedStep(_ simulator: inout KVCacheSimulator) -> [String] {
    let ids = simulator.sequences.map { Int($0.id) }
    var results: [ActionResult] = []
    if let first = ids.first, let last = ids.last {
      results.append(simulator.apply(verb: "compress", sequenceID: first))
      results.append(simulator.apply(verb: "swap_to_cpu", sequenceID: last))
      results.append(simulator.apply(verb: "evict", sequenceID: 9999))
      results.append(simulator.apply(verb: "fly", sequenceID: first))
      results.append(simulator.apply(verb: "evict", sequenceID: ids[ids.count / 2]))
      results.append(simulator.apply(verb: "keep", sequenceID: nil))
      results.append(simulator.apply(verb: "keep", sequenceID: nil))
    }
    simulator.advance()
    return results.map(\.rawValue)
  }

  @Test func `the script of refusals ends as published`() {
    var simulator = KVCacheSimulator()
    simulator.start(seed: 42, index: 2, difficulty: .all)
    #expect(
      Self.takeScriptedStep(&simulator) == [
        "ok", "ok", "no such sequence", "unknown action", "ok", "ok", "action budget spent",
      ])
    #expect(
      Self.takeScriptedStep(&simulator) == [
        "ok", "already swapped", "no such sequence", "unknown action", "ok", "ok", "ok",
      ])
    while !simulator.isOver { _ = Self.takeScriptedStep(&simulator) }
    let tally = simulator.tally
    #expect([tally.failures, tally.tokens, tally.pressureSteps] == [0, 148, 0])
    #expect([tally.completions, tally.admissions, simulator.pending.count] == [1, 18, 0])
    #expect([tally.evictions, tally.compressions, tally.swaps, tally.keeps] == [15, 2, 9, 29])
    #expect(tally.invalidActions == 50)
    #expect(tally.swapLatency == 12.644748144274136)
    #expect(tally.risk == 0.44999999999999996)
    #expect(tally.peakUsage == 0.9020563692098093)
    #expect(Reward(simulator).total == 0.16250638297872338)
    #expect(simulator.apply(.keep, sequenceID: nil) == .episodeOver)
    #expect(simulator.apply(verb: "fly", sequenceID: 0) == .episodeOver)
    #expect(simulator.tally.invalidActions == 52)
  }

  @Test func `swaps and tiers that are spent are refused and change nothing`() throws {
    var simulator = KVCacheSimulator(maxActionsPerStep: 1000)
    simulator.start(seed: 42, index: 1, difficulty: .all)
    let id = Int(simulator.sequences[0].id)
    #expect(simulator.apply(.compress, sequenceID: id) == .ok)
    #expect(simulator.apply(.compress, sequenceID: id) == .ok)
    let memory = simulator.memoryInUse
    #expect(simulator.apply(.compress, sequenceID: id) == .alreadyInt4)
    #expect(simulator.apply(.evict, sequenceID: -1) == .noSuchSequence)
    #expect(simulator.apply(.evict, sequenceID: .max) == .noSuchSequence)
    #expect(simulator.apply(.evict, sequenceID: nil) == .noSuchSequence)
    #expect(simulator.memoryInUse == memory)
    #expect(simulator.apply(.swapToCPU, sequenceID: id) == .ok)
    #expect(simulator.apply(.compress, sequenceID: id) == .swapped)
    let results = simulator.sequences.dropFirst().map { sequence in
      simulator.apply(.swapToCPU, sequenceID: Int(sequence.id))
    }
    #expect(results.contains(.cpuPoolFull))
    let pooled = simulator.sequences.filter(\.isSwapped).reduce(0) { $0 + Int($1.tokens) }
    #expect(pooled <= MemoryUnits.cpuPoolTokens)
  }
}
