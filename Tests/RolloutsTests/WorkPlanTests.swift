import Rollouts
import Testing

struct WorkPlanTests {
  @Test func `shards cover every item once and differ by at most one`() throws {
    for (tasks, rollouts, count) in [(1, 1, 64), (300, 1, 64), (7, 3, 5), (300_000, 1, 64)] {
      let plan = try WorkPlan(
        policy: "lru", difficulty: "all", seed: 42, taskCount: UInt64(tasks),
        rolloutsPerTask: UInt64(rollouts), shardCount: count)
      var next: UInt64 = 0
      for shard in plan.shards {
        #expect(shard.lowerBound == next)
        next = shard.upperBound
      }
      #expect(next == plan.itemCount)
      let sizes = plan.shards.map(\.count)
      #expect(try #require(sizes.max()) - #require(sizes.min()) <= 1)
    }
  }

  @Test func `an ordinal and its key are each other's inverse`() throws {
    let plan = try WorkPlan(
      policy: "lru", difficulty: "all", seed: 1, taskCount: 11, rolloutsPerTask: 3)
    for ordinal in 0..<plan.itemCount {
      #expect(plan.ordinal(of: plan.key(of: ordinal)) == ordinal)
    }
    #expect(plan.key(of: 7) == ItemKey(taskIndex: 2, rolloutIndex: 1))
    #expect(plan.ordinal(of: ItemKey(taskIndex: 0, rolloutIndex: 3)) == nil)
    #expect(plan.ordinal(of: ItemKey(taskIndex: 11, rolloutIndex: 0)) == nil)
  }

  @Test func `the canonical text reads back, and no other text does`() throws {
    let plan = try WorkPlan(
      policy: "lru", difficulty: "all", seed: .max, taskCount: 3, shardCount: 2)
    let text = Array(plan.canonicalText.utf8)
    #expect(
      plan.canonicalText
        == #"{"version":1,"work":"simulator","policy":"lru","difficulty":"all","#
        + #""seed":18446744073709551615,"max_actions_per_step":4,"tasks":3,"rollouts":1,"#
        + #""shard_count":2,"shards":[[0,2],[2,3]]}"# + "\n")
    #expect(try WorkPlan(canonicalText: text) == plan)
    #expect(plan.workID.count == 64)
    for index in text.indices {
      var wrong = text
      wrong[index] ^= 0x10
      let read = try? WorkPlan(canonicalText: wrong)
      #expect(read == nil || read?.workID != plan.workID)
      #expect(throws: WorkPlanError.notCanonical) {
        try WorkPlan(canonicalText: Array(text[..<index]))
      }
    }
  }

  @Test func `values out of range are named`() {
    #expect(throws: WorkPlanError.outOfRange("rollouts")) {
      try WorkPlan(
        policy: "lru", difficulty: "all", seed: 0, taskCount: 1 << 30, rolloutsPerTask: 1 << 11)
    }
    #expect(throws: WorkPlanError.outOfRange("policy")) {
      try WorkPlan(policy: "l\"ru", difficulty: "all", seed: 0, taskCount: 1)
    }
  }
}
