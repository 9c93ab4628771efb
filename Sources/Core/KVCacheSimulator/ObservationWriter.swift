/// What an agent sees before a step (simulator.md §7), with storage that is used again.
package struct ObservationWriter: Sendable {
  /// Places in the simulator's `sequences`.
  private var largest: [Int] = []
  private var candidates: [Int] = []
  private var visible: [Int32] = []

  package init() {}

  /// Appends the observation as one compact JSON object, without a line feed.
  package mutating func append(_ simulator: borrowing KVCacheSimulator, to json: inout [UInt8]) {
    self.select(simulator)
    json.append("{\"step\":", decimal: simulator.step)
    json.append(",\"memory_usage\":", fraction: simulator.usage)
    json.append(",\"memory_budget\":", fraction: Double(simulator.budgetPermille) / 1000)
    json.append(",\"episode_remaining\":", decimal: KVCacheSimulator.stepCount - simulator.step)
    json.append(",\"time_above_0_95\":", decimal: simulator.tally.pressureSteps)
    json.append(",\"pending_queue_growth\":", decimal: simulator.pendingGrowth)
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
    Self.fill(&self.largest, all, countMax: 5) {
      ($1.privateMemory, $0.id) < ($0.privateMemory, $1.id)
    }
    Self.fill(&self.candidates, all, countMax: 8) {
      ($1.type.constants.evictionPermille, Int($0.priority), $0.progress, $0.id)
        < ($0.type.constants.evictionPermille, Int($1.priority), $1.progress, $1.id)
    }
    self.visible.removeAll(keepingCapacity: true)
    for place in self.largest { self.visible.append(all[place].id) }
    for place in self.candidates where !self.largest.contains(place) {
      self.visible.append(all[place].id)
    }
    self.visible.sort()
  }

  private static func fill(
    _ places: inout [Int], _ all: ContiguousArray<CachedSequence>, countMax: Int,
    by isBefore: (CachedSequence, CachedSequence) -> Bool
  ) {
    places.removeAll(keepingCapacity: true)
    places.append(contentsOf: all.indices)
    places.sort { isBefore(all[$0], all[$1]) }
    places.removeLast(max(0, places.count - countMax))
  }

  private static func appendOverview(
    _ simulator: borrowing KVCacheSimulator, to json: inout [UInt8]
  ) {
    json.append(",\"cache_overview\":{\"sequences\":", decimal: simulator.sequences.count)
    json.append(text: ",\"by_type\":{")
    for type in BlockType.allCases {
      json.append(type == .system ? "" : ",", name: type.rawValue)
      json.append(":", decimal: simulator.sequences.count { $0.type == type })
    }
    json.append(
      "},\"compressed\":", decimal: simulator.sequences.count { $0.quantization != .fp16 })
    json.append(",\"swapped\":", decimal: simulator.sequences.count { $0.isSwapped })
    json.append(",\"shared_prefixes\":", decimal: simulator.memory.heldPrefixCount)
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
    json.append("{\"seq_id\":", decimal: Int(sequence.id))
    json.append(",\"block_type\":", name: sequence.type.rawValue)
    json.append(",\"eviction_value\":", fraction: sequence.type.evictionValue)
    json.append(",\"phase\":", name: sequence.phase.rawValue)
    json.append(",\"tokens\":", decimal: Int(sequence.tokens))
    json.append(",\"memory\":", fraction: Double(sequence.privateMemory * 1000) / limit)
    json.append(",\"quantization\":", name: "\(sequence.quantization)")
    json.append(",\"priority\":", fraction: Double(sequence.priority) / 100)
    json.append(",\"progress\":", fraction: sequence.progress)
    if sequence.prefix < 0 {
      json.append(text: ",\"shared_prefix\":null")
    } else {
      json.append(",\"shared_prefix\":", decimal: Int(sequence.prefix))
    }
    json.append(
      ",\"frees\":", fraction: Double(simulator.memory.freed(by: sequence) * 1000) / limit)
    json.append(",\"hotness\":", fraction: sequence.hotness)
    json.append(",\"last_access_step\":", decimal: Int(sequence.lastAccessStep))
    json.append(text: sequence.isSwapped ? ",\"swapped\":true}" : ",\"swapped\":false}")
  }

  private static func appendPending(
    _ simulator: borrowing KVCacheSimulator, to json: inout [UInt8]
  ) {
    json.append("{\"count\":", decimal: simulator.pending.count)
    json.append(",\"tokens\":", decimal: simulator.pending.reduce(0) { $0 + Int($1.tokens) })
    json.append(
      ",\"longest_wait\":", decimal: simulator.pending.reduce(0) { max($0, Int($1.waits)) })
    json.append(text: "}")
  }
}
