/// The lines that an episode leaves (simulator.md §10).
enum RecordWriter {
  /// Appends the record of an episode that is over, with its line feed.
  static func append(
    _ episode: borrowing KVCacheSimulator, rollout: UInt64, policy: PolicyName,
    to lines: inout [UInt8]
  ) {
    let reward = Reward(episode)
    lines.append(text: "{\"task_index\":")
    lines.append(decimal: episode.index)
    lines.append(text: ",\"rollout_index\":")
    lines.append(decimal: rollout)
    lines.append(text: ",\"seed\":")
    lines.append(decimal: episode.seed)
    lines.append(text: ",\"difficulty\":\"")
    lines.append(text: episode.tier.name)
    lines.append(text: "\",\"policy\":\"")
    lines.append(text: policy.name)
    lines.append(text: "\",\"reward\":")
    lines.append(shortest: reward.total)
    Self.append(reward, to: &lines)
    Self.appendMetrics(episode, to: &lines)
    lines.append(text: "}\n")
  }

  private static func append(_ reward: Reward, to lines: inout [UInt8]) {
    lines.append(text: ",\"rewards\":{\"failure_penalty\":")
    lines.append(shortest: reward.failurePenalty)
    lines.append(text: ",\"throughput_reward\":")
    lines.append(shortest: reward.throughputReward)
    lines.append(text: ",\"headroom_bonus\":")
    lines.append(shortest: reward.headroomBonus)
    lines.append(text: ",\"memory_efficiency\":")
    lines.append(shortest: reward.memoryEfficiency)
    lines.append(text: ",\"eviction_quality\":")
    lines.append(shortest: reward.evictionQuality)
    lines.append(text: ",\"latency_penalty\":")
    lines.append(shortest: reward.latencyPenalty)
    lines.append(text: ",\"risky_eviction_penalty\":")
    lines.append(shortest: reward.riskyEvictionPenalty)
    lines.append(text: "}")
  }

  private static func appendMetrics(
    _ episode: borrowing KVCacheSimulator, to lines: inout [UInt8]
  ) {
    let tally = episode.tally
    lines.append(text: ",\"metrics\":{\"total_tokens_metric\":")
    lines.append(decimal: tally.tokens)
    lines.append(text: ",\"total_failures_metric\":")
    lines.append(decimal: tally.failures)
    lines.append(text: ",\"total_latency_metric\":")
    lines.append(shortest: tally.swapLatency)
    lines.append(text: ",\"pressure_steps_metric\":")
    lines.append(decimal: tally.pressureSteps)
    lines.append(text: ",\"evictions\":")
    lines.append(decimal: tally.evictions)
    lines.append(text: ",\"compressions\":")
    lines.append(decimal: tally.compressions)
    lines.append(text: ",\"swaps\":")
    lines.append(decimal: tally.swaps)
    lines.append(text: ",\"keeps\":")
    lines.append(decimal: tally.keeps)
    lines.append(text: ",\"invalid_actions\":")
    lines.append(decimal: tally.invalidActions)
    lines.append(text: ",\"completions\":")
    lines.append(decimal: tally.completions)
    lines.append(text: ",\"admissions\":")
    lines.append(decimal: tally.admissions)
    lines.append(text: ",\"pending_requests\":")
    lines.append(decimal: episode.pending.count)
    lines.append(text: ",\"peak_usage\":")
    lines.append(shortest: tally.peakUsage)
    lines.append(text: ",\"final_usage\":")
    lines.append(shortest: episode.usage)
    lines.append(text: "}")
  }

  /// Appends `,"actions":[[verb, seq_id or null, result] …]}` and a line feed.
  static func append(
    _ actions: ContiguousArray<AppliedAction>, to lines: inout [UInt8]
  ) {
    lines.append(text: ",\"actions\":[")
    for (index, action) in actions.enumerated() {
      lines.append(text: index == 0 ? "[\"" : ",[\"")
      lines.append(text: action.verb.name)
      lines.append(text: "\",")
      if let id = action.sequenceID {
        lines.append(decimal: id)
      } else {
        lines.append(text: "null")
      }
      lines.append(text: ",\"")
      lines.append(text: action.result.name)
      lines.append(text: "\"]")
    }
    lines.append(text: "]}\n")
  }
}
