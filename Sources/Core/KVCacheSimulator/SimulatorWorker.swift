package import Rollouts

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
  package mutating func run(_ key: ItemKey) {
    self.start(key)
    while !self.episode.isOver {
      self.policy.act(on: &self.episode)
      self.episode.advance()
    }
  }

  /// Appends the record line, with its line feed, of one item (simulator.md §10).
  package mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) {
    self.run(key)
    lines.append("{\"task_index\":", decimal: key.taskIndex)
    lines.append(",\"rollout_index\":", decimal: key.rolloutIndex)
    lines.append(",\"seed\":", decimal: self.episode.seed)
    lines.append(",\"difficulty\":", name: self.episode.tier.rawValue)
    lines.append(",\"policy\":", name: self.specification.policy.rawValue)
    Self.append(Reward(self.episode), to: &lines)
    Self.appendMetrics(self.episode, to: &lines)
  }

  /// Appends the 15 trace lines, each with its line feed, of one item.
  package mutating func appendTrace(of key: ItemKey, to lines: inout [UInt8]) {
    self.start(key)
    while !self.episode.isOver {
      lines.append("{\"task_index\":", decimal: key.taskIndex)
      lines.append(",\"rollout_index\":", decimal: key.rolloutIndex)
      lines.append(text: ",\"observation\":")
      self.observation.append(self.episode, to: &lines)
      self.policy.act(on: &self.episode)
      Self.append(self.policy.actions, to: &lines)
      self.episode.advance()
    }
  }

  private mutating func start(_ key: ItemKey) {
    let specification = self.specification
    self.episode.start(
      seed: specification.seed, index: key.taskIndex, difficulty: specification.difficulty)
    self.policy.start(
      seed: specification.seed, index: key.taskIndex, rollout: key.rolloutIndex)
  }

  private static func append(_ reward: Reward, to lines: inout [UInt8]) {
    lines.append(",\"reward\":", shortest: reward.total)
    lines.append(",\"rewards\":{\"failure_penalty\":", shortest: reward.failurePenalty)
    lines.append(",\"throughput_reward\":", shortest: reward.throughputReward)
    lines.append(",\"headroom_bonus\":", shortest: reward.headroomBonus)
    lines.append(",\"memory_efficiency\":", shortest: reward.memoryEfficiency)
    lines.append(",\"eviction_quality\":", shortest: reward.evictionQuality)
    lines.append(",\"latency_penalty\":", shortest: reward.latencyPenalty)
    lines.append(",\"risky_eviction_penalty\":", shortest: reward.riskyEvictionPenalty)
  }

  private static func appendMetrics(
    _ episode: borrowing KVCacheSimulator, to lines: inout [UInt8]
  ) {
    let tally = episode.tally
    lines.append("},\"metrics\":{\"total_tokens_metric\":", decimal: tally.tokens)
    lines.append(",\"total_failures_metric\":", decimal: tally.failures)
    lines.append(",\"total_latency_metric\":", shortest: tally.swapLatency)
    lines.append(",\"pressure_steps_metric\":", decimal: tally.pressureSteps)
    lines.append(",\"evictions\":", decimal: tally.evictions)
    lines.append(",\"compressions\":", decimal: tally.compressions)
    lines.append(",\"swaps\":", decimal: tally.swaps)
    lines.append(",\"keeps\":", decimal: tally.keeps)
    lines.append(",\"invalid_actions\":", decimal: tally.invalidActions)
    lines.append(",\"completions\":", decimal: tally.completions)
    lines.append(",\"admissions\":", decimal: tally.admissions)
    lines.append(",\"pending_requests\":", decimal: episode.pending.count)
    lines.append(",\"peak_usage\":", shortest: tally.peakUsage)
    lines.append(",\"final_usage\":", shortest: episode.usage)
    lines.append(text: "}}\n")
  }

  /// Appends `,"actions":[[verb, seq_id or null, result] …]}` and a line feed.
  private static func append(
    _ actions: ContiguousArray<AppliedAction>, to lines: inout [UInt8]
  ) {
    lines.append(text: ",\"actions\":[")
    for (index, action) in actions.enumerated() {
      lines.append(index == 0 ? "[" : ",[", name: action.verb.rawValue)
      if let id = action.sequenceID {
        lines.append(",", decimal: id)
      } else {
        lines.append(text: ",null")
      }
      lines.append(",", name: action.result.rawValue)
      lines.append(text: "]")
    }
    lines.append(text: "]}\n")
  }
}

/// Runs episodes of the KV-cache simulator.
package struct SimulatorItemRunner<C: Clock>: ItemRunner where C.Duration == Duration {
  private let clock: C
  private var worker: SimulatorWorker

  /// - Throws: `SimulatorSpecificationError`.
  package init(_ specification: [UInt8], clock: C) throws {
    self.clock = clock
    self.worker = SimulatorWorker(try SimulatorSpecification(canonicalJSON: specification))
  }

  package var concurrencyMax: Int { 1 }

  package mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) async throws {
    let cost = self.worker.specification.episodeCost
    if cost > .zero { try await self.clock.sleep(for: cost) }
    self.worker.appendRecord(of: key, to: &lines)
  }
}
