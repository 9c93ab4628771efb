/// Runs episodes, one after the other; each a pure function of the specification and the item.
package struct SimulatorWorker: Sendable {
  package let specification: SimulatorSpecification
  /// The episode that ran last.
  package private(set) var episode: KVCacheSimulator
  private var policy: Policy
  private var observation = ObservationWriter()

  package init(_ specification: SimulatorSpecification) {
    self.specification = specification
    self.episode = KVCacheSimulator(maxActionsPerStep: specification.maxActionsPerStep)
    self.policy = Policy(specification.policy)
  }

  /// Runs the episode of an item to its end; ``episode`` has the outcome.
  package mutating func run(taskIndex: UInt64, rolloutIndex: UInt64) {
    self.start(taskIndex: taskIndex, rolloutIndex: rolloutIndex)
    while !self.episode.isOver {
      self.policy.act(on: &self.episode)
      self.episode.advance()
    }
  }

  /// Appends the record line, with its line feed, of one item.
  package mutating func appendRecord(
    taskIndex: UInt64, rolloutIndex: UInt64, to lines: inout [UInt8]
  ) {
    self.run(taskIndex: taskIndex, rolloutIndex: rolloutIndex)
    RecordWriter.append(
      self.episode, rollout: rolloutIndex, policy: self.specification.policy, to: &lines)
  }

  /// Appends the 15 trace lines, each with its line feed, of one item.
  package mutating func appendTrace(
    taskIndex: UInt64, rolloutIndex: UInt64, to lines: inout [UInt8]
  ) {
    self.start(taskIndex: taskIndex, rolloutIndex: rolloutIndex)
    while !self.episode.isOver {
      lines.append(text: "{\"task_index\":")
      lines.append(decimal: taskIndex)
      lines.append(text: ",\"rollout_index\":")
      lines.append(decimal: rolloutIndex)
      lines.append(text: ",\"observation\":")
      self.observation.append(self.episode, to: &lines)
      self.policy.act(on: &self.episode)
      RecordWriter.append(self.policy.actions, to: &lines)
      self.episode.advance()
    }
  }

  private mutating func start(taskIndex: UInt64, rolloutIndex: UInt64) {
    self.episode.start(
      seed: self.specification.seed, index: taskIndex, difficulty: self.specification.difficulty)
    self.policy.start(seed: self.specification.seed, index: taskIndex, rollout: rolloutIndex)
  }
}
