/// One sequence with its part of the KV cache; pending requests are sequences too.
package struct CachedSequence: Equatable, Sendable {
  /// By its name in observations.
  package enum Phase: String, Sendable {
    case prefill, decode, reasoning, idle
  }

  /// Counts from 0 in the order of birth.
  package internal(set) var id: Int32
  package internal(set) var tokens: Int32
  /// What `tokens` grows to.
  package internal(set) var target: Int32
  package internal(set) var tokensAtBirth: Int32
  /// The tokens that its private pages and its prefix hold: more need another private page.
  var pagedTokens: Int32
  /// Pages of its own, beside its prefix; counted also while it is swapped.
  package internal(set) var privatePages: Int32
  package internal(set) var lastAccessStep: Int32
  package internal(set) var type: BlockType
  package internal(set) var phase: Phase
  package internal(set) var quantization: Quantization
  package internal(set) var isSwapped: Bool
  /// The index of its shared prefix, or -1.
  package internal(set) var prefix: Int8
  /// Tokens a step, 0 to 4.
  package internal(set) var rate: Int8
  /// 0 to 100.
  package internal(set) var priority: Int8
  /// Steps stalled in a row; of a pending request, its failed admissions.
  var waits: Int8
  /// 0 to 1.
  package internal(set) var hotness: Double

  /// Memory of its own in quarter tokens; 0 while swapped.
  package var privateMemory: Int {
    self.isSwapped
      ? 0
      : Int(self.privatePages) &* MemoryUnits.pageTokens &* self.quantization.quartersPerToken
  }

  /// How much of what it is to generate is there, 0 to 1; 1 where there is nothing to generate.
  package var progress: Double {
    let whole = self.target &- self.tokensAtBirth
    return whole == 0 ? 1 : Double(self.tokens &- self.tokensAtBirth) / Double(whole)
  }

  /// The tokens that it would generate in a step without memory limits.
  var nextTokens: Int32 {
    let due = min(Int32(self.rate), self.target &- self.tokens)
    return self.isSwapped ? (due &+ 3) >> 2 : due
  }

  /// What evicting it adds to the episode's risk (simulator.md §4).
  var evictionRisk: Double {
    switch self.type {
    case .system: 0.3
    case .context: self.priority >= 50 ? 0.15 : 0
    case .generation: self.priority >= 70 && self.progress >= 0.7 ? 0.2 : 0
    case .reasoning, .ephemeral: 0
    }
  }

  /// The phase after prefill.
  var workingPhase: Phase {
    self.type == .reasoning ? .reasoning : self.rate > 0 ? .decode : .idle
  }
}

/// How a sequence's cache is stored.
package enum Quantization: UInt8, CaseIterable, Sendable {
  case fp16, int8, int4

  /// Memory in quarter tokens for each token.
  package var quartersPerToken: Int {
    4 &>> Int(self.rawValue)
  }

  /// One tier down; nil from the last.
  var lower: Self? {
    Self(rawValue: self.rawValue &+ 1)
  }
}
