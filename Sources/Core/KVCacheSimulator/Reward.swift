/// The seven reward functions of simulator.md §6, unweighted.
package struct Reward: Equatable, Sendable {
  package var failurePenalty: Double
  package var throughputReward: Double
  package var headroomBonus: Double
  package var memoryEfficiency: Double
  package var evictionQuality: Double
  package var latencyPenalty: Double
  package var riskyEvictionPenalty: Double

  /// Of an episode that is over.
  package init(_ episode: borrowing KVCacheSimulator) {
    let tally = episode.tally
    let failures = tally.failures
    self.failurePenalty =
      0 - min(Double(failures) * 0.15 + Double(max(0, failures - 2)) * 0.1, 1)
    self.throughputReward = min(Double(tally.tokens) / 500, 1)
    self.headroomBonus = tally.headroom / Double(KVCacheSimulator.stepCount) * 0.4
    let usage = episode.usage
    self.memoryEfficiency = usage < 0.85 ? 0.2 : usage < 0.95 ? 0.1 : usage < 1.0 ? 0.0 : -0.2
    self.evictionQuality = Self.evictionQuality(episode)
    self.latencyPenalty = 0 - min(tally.swapLatency * 0.2, 0.3)
    self.riskyEvictionPenalty = 0 - min(tally.risk, 1)
  }

  /// The weighted sum, in the order of the table.
  package var total: Double {
    var sum = 0.0
    sum += 0.40 * self.failurePenalty
    sum += 0.25 * self.throughputReward
    sum += 0.18 * self.headroomBonus
    sum += 0.07 * self.memoryEfficiency
    sum += 0.05 * self.evictionQuality
    sum += 0.03 * self.latencyPenalty
    sum += 0.02 * self.riskyEvictionPenalty
    return sum
  }

  private static func evictionQuality(_ episode: borrowing KVCacheSimulator) -> Double {
    let memory = episode.memoryInUse
    guard memory > 0 else { return 0 }
    var sum = 0.0
    for sequence in episode.sequences where !sequence.isSwapped {
      sum += (1 - sequence.type.evictionValue) * Double(sequence.privateMemory)
    }
    return sum / Double(memory)
  }
}
