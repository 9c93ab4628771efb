import Fleet

/// A built-in policy at work: decides and applies the actions before each step.
package struct Policy: Sendable {
  package let name: PolicyName
  /// What it did before the step that comes next, in order.
  package private(set) var actions: ContiguousArray<AppliedAction> = []
  private var generator = SplitMix64(state: 0)
  /// Ids in the low 32 bits, what goes before them in the order above: no ties, one comparison.
  private var order: ContiguousArray<UInt64> = []

  /// Usage to which sequences are evicted.
  private static let evictionTarget = 0.85
  /// Usage to which sequences are compressed.
  private static let compressionTarget = 0.80

  package init(_ name: PolicyName) {
    self.name = name
  }

  /// Begins an episode; only `random` looks at the rollout.
  package mutating func start(seed: UInt64, index: UInt64, rollout: UInt64) {
    self.actions.removeAll(keepingCapacity: true)
    self.generator = SplitMix64(state: seed &* 31 &+ index &+ 1_000_003 &* rollout)
  }

  /// Applies this step's actions.
  package mutating func act(on simulator: inout KVCacheSimulator) {
    self.actions.removeAll(keepingCapacity: true)
    switch self.name {
    case .keep: self.apply(.keep, nil, to: &simulator)
    case .random:
      for _ in 0..<2 { self.actAtRandom(on: &simulator) }
    case .lru:
      guard simulator.usage > Self.evictionTarget else { return }
      self.sort(simulator) { UInt64($0.lastAccessStep) }
      self.evict(on: &simulator)
    case .value:
      guard simulator.usage > Self.evictionTarget else { return }
      self.sort(simulator, by: Self.value(of:))
      self.evict(on: &simulator)
    case .compress:
      guard simulator.usage > Self.compressionTarget else { return }
      self.sort(simulator, by: Self.value(of:))
      for _ in 0..<2 { self.compress(on: &simulator) }
      self.evict(on: &simulator)
    }
  }

  private mutating func actAtRandom(on simulator: inout KVCacheSimulator) {
    guard simulator.usage > 0.8, !simulator.sequences.isEmpty else { return }
    let place = self.generator.int(0, simulator.sequences.count - 1)
    let id = Int(simulator.sequences[place].id)
    switch self.generator.int(0, 3) {
    case 0: self.apply(.evict, id, to: &simulator)
    case 1: self.apply(.compress, id, to: &simulator)
    case 2: self.apply(.swapToCPU, id, to: &simulator)
    default: self.apply(.keep, nil, to: &simulator)
    }
  }

  private mutating func evict(on simulator: inout KVCacheSimulator) {
    for key in self.order {
      guard simulator.usage > Self.evictionTarget, simulator.hasActionsLeft else { return }
      self.apply(.evict, Self.id(of: key), to: &simulator)
    }
  }

  private mutating func compress(on simulator: inout KVCacheSimulator) {
    for key in self.order {
      guard simulator.usage > Self.compressionTarget, simulator.hasActionsLeft else { return }
      let id = Self.id(of: key)
      guard let sequence = simulator.sequences.first(where: { Int($0.id) == id }),
        !sequence.isSwapped, sequence.quantization != .int4
      else { continue }
      self.apply(.compress, id, to: &simulator)
    }
  }

  private mutating func apply(
    _ verb: ActionVerb, _ id: Int?, to simulator: inout KVCacheSimulator
  ) {
    let result = simulator.apply(verb, sequenceID: id)
    self.actions.append(AppliedAction(verb: verb, sequenceID: id, result: result))
  }

  /// By (rank, id).
  @inline(__always)
  private mutating func sort(
    _ simulator: borrowing KVCacheSimulator, by rank: (CachedSequence) -> UInt64
  ) {
    self.order.removeAll(keepingCapacity: true)
    for sequence in simulator.sequences {
      self.order.append(rank(sequence) << 32 | UInt64(sequence.id))
    }
    self.order.sort()
  }

  /// (Eviction value, high first; priority).
  private static func value(of sequence: CachedSequence) -> UInt64 {
    UInt64(1000 - sequence.type.constants.evictionPermille) << 7 | UInt64(sequence.priority)
  }

  private static func id(of key: UInt64) -> Int {
    Int(UInt32(truncatingIfNeeded: key))
  }
}

/// The built-in policies (simulator.md §8), by their names in records.
package enum PolicyName: String, CaseIterable, Codable, Sendable {
  case keep, random, lru, value, compress
}
