import Fleet

/// The items of an eval and their shards: written and hashed before anything starts, so that merging
/// and resuming have a fixed list to be measured against.
///
/// Item `i` is the rollout `i % rolloutsPerTask` of the task `i / rolloutsPerTask`.
package struct WorkPlan: Equatable, Sendable {
  /// 2^40 items: ordinals stay exact in JSON's doubles, and sums of them in 64 bits.
  package static let maximumItemCount: UInt64 = 1 << 40
  /// Shards are listed in the plan; a black-box program sees its own as a variable.
  package static let maximumShardCount = 65_536

  package let policy: String
  package let difficulty: String
  package let seed: UInt64
  package let maxActionsPerStep: UInt32
  /// At least 1.
  package let taskCount: UInt64
  /// At least 1.
  package let rolloutsPerTask: UInt64
  /// At least 1; where there are fewer items, the last shards are empty.
  package let shardCount: Int

  /// - Throws: `WorkPlanError.outOfRange` with the name of the first value that is not allowed.
  package init(
    policy: String, difficulty: String, seed: UInt64, maxActionsPerStep: UInt32 = 4,
    taskCount: UInt64, rolloutsPerTask: UInt64 = 1, shardCount: Int = 64
  ) throws(WorkPlanError) {
    guard Self.isName(policy) else { throw .outOfRange("policy") }
    guard Self.isName(difficulty) else { throw .outOfRange("difficulty") }
    guard maxActionsPerStep >= 1 else { throw .outOfRange("max_actions_per_step") }
    guard taskCount >= 1, taskCount <= Self.maximumItemCount else { throw .outOfRange("tasks") }
    guard rolloutsPerTask >= 1, rolloutsPerTask <= Self.maximumItemCount / taskCount else {
      throw .outOfRange("rollouts")
    }
    guard 1...Self.maximumShardCount ~= shardCount else { throw .outOfRange("shards") }
    self.policy = policy
    self.difficulty = difficulty
    self.seed = seed
    self.maxActionsPerStep = maxActionsPerStep
    self.taskCount = taskCount
    self.rolloutsPerTask = rolloutsPerTask
    self.shardCount = shardCount
  }

  /// 1 to 2^40.
  package var itemCount: UInt64 { self.taskCount * self.rolloutsPerTask }

  /// The key of the item `ordinal`, which is below ``itemCount``.
  package func key(of ordinal: UInt64) -> ItemKey {
    let (task, rollout) = ordinal.quotientAndRemainder(dividingBy: self.rolloutsPerTask)
    return ItemKey(taskIndex: task, rolloutIndex: rollout)
  }

  /// The ordinal of `key`; `nil` when the plan does not have it.
  package func ordinal(of key: ItemKey) -> UInt64? {
    guard key.taskIndex < self.taskCount, key.rolloutIndex < self.rolloutsPerTask else {
      return nil
    }
    return key.taskIndex * self.rolloutsPerTask + key.rolloutIndex
  }

  /// The items of shard `index` (0 ..< ``shardCount``): contiguous, and their sizes differ by at most
  /// one, the larger ones first.
  package func shard(_ index: Int) -> Range<UInt64> {
    precondition(0..<self.shardCount ~= index, "no shard \(index)")
    let (size, larger) = self.itemCount.quotientAndRemainder(dividingBy: UInt64(self.shardCount))
    let position = UInt64(index)
    let start = position * size + min(position, larger)
    return start..<start + size + (position < larger ? 1 : 0)
  }

  /// In order; together exactly `0 ..< itemCount`.
  package var shards: [Range<UInt64>] { (0..<self.shardCount).map { self.shard($0) } }

  /// One JSON object and a line feed, the same bytes for the same plan. The shards are written out as
  /// `[first, end]`, so that the file says it all.
  package var canonicalText: String {
    var text = """
      {"version":1,"work":"simulator","policy":"\(self.policy)",\
      "difficulty":"\(self.difficulty)","seed":\(self.seed),\
      "max_actions_per_step":\(self.maxActionsPerStep),"tasks":\(self.taskCount),\
      "rollouts":\(self.rolloutsPerTask),"shard_count":\(self.shardCount),"shards":[
      """
    for (index, shard) in self.shards.enumerated() {
      text += "\(index == 0 ? "" : ",")[\(shard.lowerBound),\(shard.upperBound)]"
    }
    return text + "]}\n"
  }

  /// SHA-256 of ``canonicalText``, in hexadecimal: the `work_id` nodes see.
  package var workID: String { SHA256.hex(of: self.canonicalText.utf8) }

  /// Reads what ``canonicalText`` wrote, and nothing else: the text must be the canonical one.
  package init(canonicalText bytes: [UInt8]) throws(WorkPlanError) {
    guard let plan = bytes.withUnsafeBytes(Self.parse) else { throw .notCanonical }
    guard plan.canonicalText.utf8.elementsEqual(bytes) else { throw .notCanonical }
    self = plan
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer) -> Self? {
    var scanner = RecordLineScanner(bytes)
    guard scanner.take(#"{"version":1,"work":"simulator","policy":"#),
      let policy = scanner.text(), scanner.take(#","difficulty":"#),
      let difficulty = scanner.text(), scanner.take(#","seed":"#),
      let seed = scanner.integer(), scanner.take(#","max_actions_per_step":"#),
      let actions = scanner.integer().flatMap({ UInt32(exactly: $0) }),
      scanner.take(#","tasks":"#), let tasks = scanner.integer(),
      scanner.take(#","rollouts":"#), let rollouts = scanner.integer(),
      scanner.take(#","shard_count":"#), let shards = scanner.integer().flatMap(Int.init(exactly:))
    else { return nil }
    return try? Self(
      policy: policy, difficulty: difficulty, seed: seed, maxActionsPerStep: actions,
      taskCount: tasks, rolloutsPerTask: rollouts, shardCount: shards)
  }

  /// 1 to 64 of a-z, 0-9, `_` and `-`: nothing that JSON would have to escape.
  private static func isName(_ text: String) -> Bool {
    1...64 ~= text.utf8.count
      && text.utf8.allSatisfy {
        (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 95
      }
  }
}

package enum WorkPlanError: Error, Equatable {
  /// The value of this name is not one that a plan can have.
  case outOfRange(String)
  /// The text is not one that ``WorkPlan/canonicalText`` writes.
  case notCanonical
}
