/// A step, simulator.md §5.
extension KVCacheSimulator {
  /// At the fifth failed admission a request fails.
  private static let failedAdmissionsMax: Int8 = 5
  /// At the third stall in a row a sequence fails.
  private static let stallsMax: Int8 = 3

  /// Takes one step. Our bug if the episode is over.
  package mutating func advance() {
    precondition(!self.isOver, "the episode is over")
    self.step &+= 1
    self.generate()
    let pendingBefore = self.pending.count
    self.admit()
    self.arrive()
    self.pendingGrowth = self.pending.count &- pendingBefore
    self.complete()
    self.tally.join(usage: self.usage)
    self.actionsTaken = 0
  }

  private mutating func generate() {
    var kept = 0
    for place in self.sequences.indices {
      var sequence = self.sequences[place]
      switch self.work(&sequence) {
      case .accessed:
        sequence.lastAccessStep = Int32(truncatingIfNeeded: self.step)
        if sequence.isSwapped {
          self.tally.swapLatency += 0.1 + 0.2 * self.generator.uniform()
        }
        sequence.hotness = 0.7 * sequence.hotness + 0.3
      case .untouched:
        sequence.hotness = 0.7 * sequence.hotness
      case .failed:
        self.memory.leave(sequence)
        self.tally.failures &+= 1
        continue
      }
      self.sequences[kept] = sequence
      kept &+= 1
    }
    self.sequences.removeLast(self.sequences.count &- kept)
  }

  private enum Work {
    case accessed
    case untouched
    case failed
  }

  private mutating func work(_ sequence: inout CachedSequence) -> Work {
    switch sequence.phase {
    case .idle:
      return self.generator.permille() < sequence.type.idleAccessPermille ? .accessed : .untouched
    case .prefill:
      sequence.phase = sequence.workingPhase
      return .accessed
    case .decode, .reasoning:
      let tokens = sequence.nextTokens
      if sequence.tokens &+ tokens > sequence.pagedTokens {
        guard sequence.isSwapped || self.hasRoomForPage(sequence.quantization) else {
          sequence.waits &+= 1
          return sequence.waits == Self.stallsMax ? .failed : .untouched
        }
        sequence.privatePages &+= 1
        sequence.pagedTokens &+= Int32(MemoryUnits.pageTokens)
        if !sequence.isSwapped { self.memory.addPage(sequence.quantization) }
      }
      sequence.tokens &+= tokens
      self.tally.tokens &+= Int(tokens)
      sequence.waits = 0
      return .accessed
    }
  }

  private func hasRoomForPage(_ quantization: Quantization) -> Bool {
    let page = MemoryUnits.pageTokens &* quantization.quartersPerToken
    return (self.memory.quarterTokens &+ page) &* 1000 <= self.limit
  }

  private mutating func admit() {
    var kept = 0
    for place in self.pending.indices {
      var request = self.pending[place]
      if self.memory.quarterTokens &* 1000 <= self.limit {
        request.waits = 0
        request.lastAccessStep = Int32(truncatingIfNeeded: self.step)
        self.memory.enter(request)
        self.sequences.append(request)
        self.tally.admissions &+= 1
        continue
      }
      request.waits &+= 1
      if request.waits == Self.failedAdmissionsMax {
        self.tally.failures &+= 1
        continue
      }
      self.pending[kept] = request
      kept &+= 1
    }
    self.pending.removeLast(self.pending.count &- kept)
  }

  private mutating func arrive() {
    for _ in 0..<self.pattern.arrivalCount(&self.generator) {
      let request = self.birth(.arrival)
      self.pending.append(request)
    }
  }

  private mutating func complete() {
    var kept = 0
    for place in self.sequences.indices {
      var sequence = self.sequences[place]
      if self.isDone(&sequence) {
        self.memory.leave(sequence)
        self.tally.completions &+= 1
        continue
      }
      self.sequences[kept] = sequence
      kept &+= 1
    }
    self.sequences.removeLast(self.sequences.count &- kept)
  }

  /// Whether it leaves; a finished context or generation goes idle instead.
  private mutating func isDone(_ sequence: inout CachedSequence) -> Bool {
    switch sequence.phase {
    case .idle:
      return self.generator.permille() < sequence.type.idleLeavePermille
    case .decode, .reasoning:
      guard sequence.tokens >= sequence.target else { return false }
      guard sequence.type == .context || sequence.type == .generation else { return true }
      sequence.phase = .idle
      return false
    case .prefill:
      return false
    }
  }
}
