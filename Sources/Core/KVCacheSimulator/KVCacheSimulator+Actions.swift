/// Actions, simulator.md §4.
extension KVCacheSimulator {
  /// Applies the action that `verb` names, as an agent wrote it.
  package mutating func apply(verb: String, sequenceID: Int?) -> ActionResult {
    guard let verb = ActionVerb(rawValue: verb) else {
      self.tally.invalidActions &+= 1
      return self.refusal ?? .unknownAction
    }
    return self.apply(verb, sequenceID: sequenceID)
  }

  /// Applies one action at once.
  ///
  /// - Parameter sequenceID: Any integer; nil for none. `keep` ignores it.
  package mutating func apply(_ verb: ActionVerb, sequenceID: Int?) -> ActionResult {
    let result = self.refusal ?? self.carryOut(verb, sequenceID: sequenceID)
    guard result == .ok else {
      self.tally.invalidActions &+= 1
      return result
    }
    self.actionsTaken &+= 1
    switch verb {
    case .evict: self.tally.evictions &+= 1
    case .compress: self.tally.compressions &+= 1
    case .swapToCPU: self.tally.swaps &+= 1
    case .keep: self.tally.keeps &+= 1
    }
    return .ok
  }

  /// Why no action at all is accepted now.
  private var refusal: ActionResult? {
    self.isOver ? .episodeOver : self.hasActionsLeft ? nil : .actionBudgetSpent
  }

  /// Whether another action could succeed before the next step.
  var hasActionsLeft: Bool { self.actionsTaken < self.maxActionsPerStep }

  private mutating func carryOut(_ verb: ActionVerb, sequenceID: Int?) -> ActionResult {
    if verb == .keep { return .ok }
    guard let sequenceID,
      let place = self.sequences.firstIndex(where: { Int($0.id) == sequenceID })
    else { return .noSuchSequence }
    switch verb {
    case .evict: return self.evict(at: place)
    case .compress: return self.compress(at: place)
    case .swapToCPU: return self.swapToCPU(at: place)
    case .keep: return .ok
    }
  }

  private mutating func evict(at place: Int) -> ActionResult {
    let sequence = self.sequences.remove(at: place)
    self.memory.leave(sequence)
    self.tally.risk += sequence.evictionRisk
    return .ok
  }

  private mutating func compress(at place: Int) -> ActionResult {
    var sequence = self.sequences[place]
    guard !sequence.isSwapped else { return .swapped }
    guard let lower = sequence.quantization.lower else { return .alreadyInt4 }
    self.memory.leave(sequence)
    sequence.quantization = lower
    self.memory.enter(sequence)
    self.sequences[place] = sequence
    return .ok
  }

  private mutating func swapToCPU(at place: Int) -> ActionResult {
    guard !self.sequences[place].isSwapped else { return .alreadySwapped }
    var pooled = Int(self.sequences[place].tokens)
    for sequence in self.sequences where sequence.isSwapped { pooled &+= Int(sequence.tokens) }
    guard pooled <= MemoryUnits.cpuPoolTokens else { return .cpuPoolFull }
    self.memory.leave(self.sequences[place])
    self.sequences[place].isSwapped = true
    return .ok
  }
}

/// What a policy may do (simulator.md §4), by its name in traces and tool calls.
package enum ActionVerb: String, CaseIterable, Sendable {
  case evict
  case compress
  case swapToCPU = "swap_to_cpu"
  case keep
}

/// What an action came to, as the policy is told; anything but `ok` changed nothing and counts as an
/// invalid action.
package enum ActionResult: String, CaseIterable, Sendable {
  case ok
  case swapped
  case alreadyInt4 = "already int4"
  case alreadySwapped = "already swapped"
  case cpuPoolFull = "cpu pool full"
  case noSuchSequence = "no such sequence"
  case unknownAction = "unknown action"
  case actionBudgetSpent = "action budget spent"
  case episodeOver = "episode over"
}

/// An action of a policy with its result, for the trace.
package struct AppliedAction: Equatable, Sendable {
  package var verb: ActionVerb
  /// Nil for `keep`.
  package var sequenceID: Int?
  package var result: ActionResult
}
