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
