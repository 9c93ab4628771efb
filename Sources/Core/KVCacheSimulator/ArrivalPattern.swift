import Fleet

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
