/// What an agent sees before a step (simulator.md §7), with storage that is used again.
package struct ObservationWriter: Sendable {
  private static let memoryEntriesMax = 5
  private static let candidatesMax = 8

  /// Places in the simulator's `sequences`.
  private var largest: [Int] = []
  private var candidates: [Int] = []
  private var visible: [Int32] = []

  package init() {}

  /// Appends the observation as one compact JSON object, without a line feed.
  package mutating func append(_ simulator: borrowing KVCacheSimulator, to json: inout [UInt8]) {
    self.select(simulator)
    json.append(text: "{\"step\":")
    json.append(decimal: simulator.step)
    json.append(text: ",\"memory_usage\":")
    json.append(fraction: simulator.usage)
    json.append(text: ",\"memory_budget\":")
    json.append(fraction: Double(simulator.budgetPermille) / 1000)
    json.append(text: ",\"episode_remaining\":")
    json.append(decimal: KVCacheSimulator.stepCount - simulator.step)
    json.append(text: ",\"time_above_0_95\":")
    json.append(decimal: simulator.tally.pressureSteps)
    json.append(text: ",\"pending_queue_growth\":")
    json.append(decimal: simulator.pendingGrowth)
    Self.appendOverview(simulator, to: &json)
    json.append(text: ",\"top_memory_entries\":[")
    Self.append(self.largest, simulator, to: &json)
    json.append(text: "],\"top_eviction_candidates\":[")
    Self.append(self.candidates, simulator, to: &json)
    json.append(text: "],\"pending_summary\":")
    Self.appendPending(simulator, to: &json)
    json.append(text: ",\"visible_seq_ids\":[")
    for (index, id) in self.visible.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json.append(decimal: Int(id))
    }
    json.append(text: "]}")
  }

  private mutating func select(_ simulator: borrowing KVCacheSimulator) {
    let all = simulator.sequences
    self.largest.removeAll(keepingCapacity: true)
    self.largest.append(contentsOf: all.indices)
    self.largest.sort {
      (all[$1].privateMemory, all[$0].id) < (all[$0].privateMemory, all[$1].id)
    }
    self.largest.removeLast(max(0, self.largest.count - Self.memoryEntriesMax))
    self.candidates.removeAll(keepingCapacity: true)
    self.candidates.append(contentsOf: all.indices)
    self.candidates.sort { Self.isBetterVictim(all[$0], all[$1]) }
    self.candidates.removeLast(max(0, self.candidates.count - Self.candidatesMax))
    self.visible.removeAll(keepingCapacity: true)
    for place in self.largest { self.visible.append(all[place].id) }
    for place in self.candidates where !self.largest.contains(place) {
      self.visible.append(all[place].id)
    }
    self.visible.sort()
  }

  private static func isBetterVictim(_ one: CachedSequence, _ other: CachedSequence) -> Bool {
    (other.type.evictionPermille, Int(one.priority), one.progress, one.id)
      < (one.type.evictionPermille, Int(other.priority), other.progress, other.id)
  }

  private static func appendOverview(
    _ simulator: borrowing KVCacheSimulator, to json: inout [UInt8]
  ) {
    json.append(text: ",\"cache_overview\":{\"sequences\":")
    json.append(decimal: simulator.sequences.count)
    json.append(text: ",\"by_type\":{")
    for type in BlockType.allCases {
      json.append(text: type == .system ? "\"" : ",\"")
      json.append(text: type.name)
      json.append(text: "\":")
      json.append(decimal: simulator.sequences.count { $0.type == type })
    }
    json.append(text: "},\"compressed\":")
    json.append(decimal: simulator.sequences.count { $0.quantization != .fp16 })
    json.append(text: ",\"swapped\":")
    json.append(decimal: simulator.sequences.count { $0.isSwapped })
    json.append(text: ",\"shared_prefixes\":")
    json.append(decimal: simulator.memory.heldPrefixCount)
    json.append(text: "}")
  }

  private static func append(
    _ places: [Int], _ simulator: borrowing KVCacheSimulator, to json: inout [UInt8]
  ) {
    for (index, place) in places.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      Self.append(simulator.sequences[place], simulator, to: &json)
    }
  }

  private static func append(
    _ sequence: CachedSequence, _ simulator: borrowing KVCacheSimulator, to json: inout [UInt8]
  ) {
    let limit = Double(simulator.limit)
    json.append(text: "{\"seq_id\":")
    json.append(decimal: Int(sequence.id))
    json.append(text: ",\"block_type\":\"")
    json.append(text: sequence.type.name)
    json.append(text: "\",\"eviction_value\":")
    json.append(fraction: sequence.type.evictionValue)
    json.append(text: ",\"phase\":\"")
    json.append(text: sequence.phase.name)
    json.append(text: "\",\"tokens\":")
    json.append(decimal: Int(sequence.tokens))
    json.append(text: ",\"memory\":")
    json.append(fraction: Double(sequence.privateMemory * 1000) / limit)
    json.append(text: ",\"quantization\":\"")
    json.append(text: sequence.quantization.name)
    json.append(text: "\",\"priority\":")
    json.append(fraction: Double(sequence.priority) / 100)
    json.append(text: ",\"progress\":")
    json.append(fraction: sequence.progress)
    json.append(text: ",\"shared_prefix\":")
    if sequence.prefix < 0 {
      json.append(text: "null")
    } else {
      json.append(decimal: Int(sequence.prefix))
    }
    json.append(text: ",\"frees\":")
    json.append(fraction: Double(simulator.memory.freed(by: sequence) * 1000) / limit)
    json.append(text: ",\"hotness\":")
    json.append(fraction: sequence.hotness)
    json.append(text: ",\"last_access_step\":")
    json.append(decimal: Int(sequence.lastAccessStep))
    json.append(text: ",\"swapped\":")
    json.append(bool: sequence.isSwapped)
    json.append(text: "}")
  }

  private static func appendPending(
    _ simulator: borrowing KVCacheSimulator, to json: inout [UInt8]
  ) {
    json.append(text: "{\"count\":")
    json.append(decimal: simulator.pending.count)
    json.append(text: ",\"tokens\":")
    json.append(decimal: simulator.pending.reduce(0) { $0 + Int($1.tokens) })
    json.append(text: ",\"longest_wait\":")
    json.append(decimal: simulator.pending.reduce(0) { max($0, Int($1.waits)) })
    json.append(text: "}")
  }
}
