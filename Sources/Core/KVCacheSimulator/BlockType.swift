/// What a sequence holds; its constants are the first table of simulator.md §2.
package enum BlockType: UInt8, CaseIterable, Sendable {
  case system
  case context
  case generation
  case reasoning
  case ephemeral

  /// How readily it should be evicted, 0 to 1.
  package var evictionValue: Double {
    switch self {
    case .system: 0.0
    case .context: 0.25
    case .generation: 0.5
    case .reasoning: 0.9
    case .ephemeral: 1.0
    }
  }

  /// ``evictionValue`` in thousandths.
  var evictionPermille: Int {
    switch self {
    case .system: 0
    case .context: 250
    case .generation: 500
    case .reasoning: 900
    case .ephemeral: 1000
    }
  }

  /// Its name in observations.
  package var name: StaticString {
    switch self {
    case .system: "system"
    case .context: "context"
    case .generation: "generation"
    case .reasoning: "reasoning"
    case .ephemeral: "ephemeral"
    }
  }

  var tokensAtBirth: (low: Int, high: Int) {
    switch self {
    case .system: (512, 1536)
    case .context: (384, 1792)
    case .generation: (128, 1024)
    case .reasoning: (256, 1536)
    case .ephemeral: (128, 768)
    }
  }

  /// Tokens a step.
  var rate: (low: Int, high: Int) {
    switch self {
    case .system: (0, 0)
    case .context: (0, 1)
    case .generation, .reasoning: (1, 4)
    case .ephemeral: (1, 3)
    }
  }

  var remainingTokens: (low: Int, high: Int) {
    switch self {
    case .system: (0, 0)
    case .context, .ephemeral: (4, 24)
    case .generation: (12, 64)
    case .reasoning: (8, 48)
    }
  }

  /// How many of a thousand are born with a shared prefix.
  var sharedPermille: Int {
    switch self {
    case .system, .context: 700
    case .generation, .reasoning, .ephemeral: 300
    }
  }

  var idleAccessPermille: Int {
    switch self {
    case .system: 600
    case .context: 350
    case .generation: 200
    case .reasoning, .ephemeral: 50
    }
  }

  var idleLeavePermille: Int {
    switch self {
    case .system: 5
    case .context: 40
    case .generation: 120
    case .reasoning: 250
    case .ephemeral: 300
    }
  }
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
