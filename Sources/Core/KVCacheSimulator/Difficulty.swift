import Fleet

/// How hard the scenarios are.
package enum Difficulty: String, CaseIterable, Codable, Sendable {
  case easy, medium, hard
  /// Easy, medium and hard in turn.
  case all

  /// The tier of scenario `index` (simulator.md §3).
  package func tier(ofScenario index: UInt64) -> DifficultyTier {
    switch self {
    case .easy: .easy
    case .medium: .medium
    case .hard: .hard
    case .all: index % 3 == 0 ? .easy : index % 3 == 1 ? .medium : .hard
    }
  }
}

/// How hard one scenario is, by its name in records: the second table of simulator.md §2.
package enum DifficultyTier: String, CaseIterable, Sendable {
  case easy, medium, hard

  /// The memory budget's range, in thousandths of the GPU's capacity.
  var budgetPermille: (low: Int, high: Int) {
    switch self {
    case .easy: (900, 1000)
    case .medium: (750, 900)
    case .hard: (650, 800)
    }
  }

  /// The two patterns that a draw of 0 or 1 chooses from.
  func pattern(at draw: Int) -> ArrivalPattern {
    switch self {
    case .easy: draw == 0 ? .low : .medium
    case .medium: draw == 0 ? .medium : .high
    case .hard: draw == 0 ? .high : .bursty
    }
  }
}

/// How many requests arrive in a step (simulator.md §2).
package enum ArrivalPattern: String, CaseIterable, Sendable {
  case low, medium, high, bursty

  /// Draws the arrivals of one step, 0 to 8.
  func arrivalCount(_ generator: inout SplitMix64) -> Int {
    let draw = generator.permille()
    switch self {
    case .low: return draw < 750 ? (draw < 350 ? 0 : 1) : draw < 950 ? 2 : 3
    case .medium:
      return draw < 420 ? (draw < 120 ? 0 : 1) : draw < 760 ? 2 : draw < 940 ? 3 : 4
    case .high:
      return draw < 450
        ? (draw < 40 ? 0 : draw < 180 ? 1 : 2) : draw < 740 ? 3 : draw < 920 ? 4 : 5
    case .bursty:
      if draw < 300 { return generator.int(4, 8) }
      let calm = generator.permille()
      return calm < 400 ? 0 : calm < 800 ? 1 : 2
    }
  }
}

/// What simulator.md §1 draws from a generator.
extension SplitMix64 {
  /// The same as `next()`, which the compiler does not inline from another module: a fifth of an
  /// episode's time.
  @inline(__always)
  mutating func draw() -> UInt64 {
    self.state &+= 0x9E37_79B9_7F4A_7C15
    var z = self.state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In [0, 1), a multiple of 2^-53.
  @inline(__always)
  mutating func uniform() -> Double {
    Double(self.draw() >> 11) * 0x1p-53
  }

  /// In `low...high`, both included; `high - low` is below 2^31.
  @inline(__always)
  mutating func int(_ low: Int, _ high: Int) -> Int {
    let spread = UInt64(truncatingIfNeeded: high &- low &+ 1)
    return low &+ Int(truncatingIfNeeded: ((self.draw() >> 32) &* spread) >> 32)
  }

  /// In 0...999, for thresholds in thousandths.
  @inline(__always)
  mutating func permille() -> Int {
    self.int(0, 999)
  }
}
