/// What a sequence holds, by its name in observations.
package enum BlockType: String, CaseIterable, Sendable {
  case system, context, generation, reasoning, ephemeral

  /// A row of the first table of simulator.md §2.
  typealias Constants = (
    /// How readily it should be evicted, in thousandths.
    evictionPermille: Int,
    tokensAtBirth: (low: Int, high: Int),
    /// Tokens a step.
    rate: (low: Int, high: Int),
    remainingTokens: (low: Int, high: Int),
    /// How many of a thousand are born with a shared prefix, are read and leave when idle.
    sharedPermille: Int, idleAccessPermille: Int, idleLeavePermille: Int
  )

  @inline(__always)
  var constants: Constants {
    switch self {
    case .system: (0, (512, 1536), (0, 0), (0, 0), 700, 600, 5)
    case .context: (250, (384, 1792), (0, 1), (4, 24), 700, 350, 40)
    case .generation: (500, (128, 1024), (1, 4), (12, 64), 300, 200, 120)
    case .reasoning: (900, (256, 1536), (1, 4), (8, 48), 300, 50, 250)
    case .ephemeral: (1000, (128, 768), (1, 3), (4, 24), 300, 50, 300)
    }
  }

  /// How readily it should be evicted, 0 to 1.
  var evictionValue: Double { Double(self.constants.evictionPermille) / 1000 }
}

/// With what frequencies types are born.
enum BlockMix {
  /// The sequences that a scenario starts with.
  case initial
  /// The requests that arrive later.
  case arrival

  /// The type for a draw of 0...999.
  func type(at draw: Int) -> BlockType {
    switch self {
    case .initial:
      draw < 420
        ? (draw < 120 ? .system : .context)
        : (draw < 700 ? .generation : draw < 870 ? .reasoning : .ephemeral)
    case .arrival:
      draw < 300
        ? (draw < 40 ? .system : .context)
        : (draw < 620 ? .generation : draw < 820 ? .reasoning : .ephemeral)
    }
  }
}
