import Fleet

/// The environment of simulator.md: one episode at a time, its storage used again by the next.
///
/// An episode is a pure function of (seed, index, difficulty, the actions taken). Between
/// ``start(seed:index:difficulty:)`` and the 15th ``advance()``, actions apply at once.
package struct KVCacheSimulator: Sendable {
  /// Steps in an episode.
  package static let stepCount = 15

  /// Successful actions in a step, at least 1.
  package let maxActionsPerStep: Int

  package internal(set) var seed: UInt64 = 0
  package internal(set) var index: UInt64 = 0
  package internal(set) var tier = DifficultyTier.easy
  package internal(set) var pattern = ArrivalPattern.low
  /// In thousandths of the GPU's capacity, 650 to 1000.
  package internal(set) var budgetPermille = 1000
  /// Steps taken, 0 to 15.
  package internal(set) var step = 0
  /// In order of entry.
  package internal(set) var sequences: ContiguousArray<CachedSequence> = []
  /// The requests that wait, in order of arrival.
  package internal(set) var pending: ContiguousArray<CachedSequence> = []
  package internal(set) var tally = EpisodeTally()
  /// The pending queue's length less its length before the step; 0 before the first.
  package internal(set) var pendingGrowth = 0
  /// Successful actions since the last step.
  package internal(set) var actionsTaken = 0
  var memory = GPUMemory()
  var generator = SplitMix64(state: 0)
  var nextID: Int32 = 0

  /// A simulator at the end of no episode; ``start(seed:index:difficulty:)`` comes first.
  ///
  /// - Parameter maxActionsPerStep: At least 1.
  package init(maxActionsPerStep: Int = 4) {
    self.maxActionsPerStep = maxActionsPerStep
  }

  /// What memory times 1000 is compared with, in thousandths of quarter tokens.
  package var limit: Int {
    MemoryUnits.quartersPerToken &* MemoryUnits.capacityTokens &* self.budgetPermille
  }

  /// GPU memory in use, in quarter tokens.
  package var memoryInUse: Int { self.memory.quarterTokens }

  /// Memory in use over the budget; may pass 1.
  package var usage: Double {
    Double(self.memory.quarterTokens &* 1000) / Double(self.limit)
  }

  package var isOver: Bool { self.step >= Self.stepCount }

  /// Begins the episode of scenario `index` (simulator.md §3).
  package mutating func start(seed: UInt64, index: UInt64, difficulty: Difficulty) {
    self.seed = seed
    self.index = index
    self.tier = difficulty.tier(ofScenario: index)
    self.reset()
    let stream = (index &+ 1) &* 0xD1B5_4A32_D192_ED03
    self.generator = SplitMix64(state: seed ^ stream)
    _ = self.generator.draw()
    let budget = self.tier.budgetPermille
    self.budgetPermille = self.generator.int(budget.low, budget.high)
    self.pattern = self.tier.pattern(at: self.generator.int(0, 1))
    let prefixCount = self.generator.int(1, 3)
    for _ in 0..<prefixCount { self.memory.addPrefix(pages: self.generator.int(2, 8)) }
    let fill = self.generator.int(550, 750) &* self.limit
    while self.memory.quarterTokens &* 1_000_000 < fill {
      var sequence = self.birth(.initial)
      sequence.phase = sequence.rate == 0 ? .idle : sequence.workingPhase
      self.memory.enter(sequence)
      self.sequences.append(sequence)
    }
  }

  private mutating func reset() {
    self.step = 0
    self.sequences.removeAll(keepingCapacity: true)
    self.pending.removeAll(keepingCapacity: true)
    self.tally = EpisodeTally()
    self.pendingGrowth = 0
    self.actionsTaken = 0
    self.memory.reset()
    self.nextID = 0
  }

  /// Draws a sequence in prefill.
  mutating func birth(_ mix: BlockMix) -> CachedSequence {
    let type = mix.type(at: self.generator.permille())
    let constants = type.constants
    let tokens = self.generator.int(constants.tokensAtBirth.low, constants.tokensAtBirth.high)
    let rate = self.generator.int(constants.rate.low, constants.rate.high)
    let remaining = self.generator.int(
      constants.remainingTokens.low, constants.remainingTokens.high)
    let priority = self.generator.int(0, 100)
    var prefix = -1
    var pagesOfPrefix = 0
    if self.generator.permille() < constants.sharedPermille {
      prefix = self.generator.int(0, self.memory.prefixes.count &- 1)
      pagesOfPrefix = Int(self.memory.prefixes[prefix].pages)
    }
    let pages = max(0, (tokens &+ 127) >> 7 &- pagesOfPrefix)
    let id = self.nextID
    self.nextID &+= 1
    return CachedSequence(
      id: id, tokens: Int32(truncatingIfNeeded: tokens),
      target: Int32(truncatingIfNeeded: rate == 0 ? tokens : tokens &+ remaining),
      tokensAtBirth: Int32(truncatingIfNeeded: tokens),
      pagedTokens: Int32(truncatingIfNeeded: (pages &+ pagesOfPrefix) << 7),
      privatePages: Int32(truncatingIfNeeded: pages),
      lastAccessStep: Int32(truncatingIfNeeded: self.step), type: type, phase: .prefill,
      quantization: .fp16, isSwapped: false, prefix: Int8(truncatingIfNeeded: prefix),
      rate: Int8(truncatingIfNeeded: rate), priority: Int8(truncatingIfNeeded: priority), waits: 0,
      hotness: 0.5)
  }
}
