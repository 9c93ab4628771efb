import Rollouts
import Testing

struct WorkPlanTests {
  private static let specification = Array(#"{"a":[1,{"b":"\"é"}],"c":null}"#.utf8)

  private static func plan(
    _ tasks: UInt64, _ rollouts: UInt64 = 1, shards: Int = 64
  ) throws -> WorkPlan {
    try WorkPlan(
      kind: "some-kind", specification: Self.specification, taskCount: tasks,
      rolloutsPerTask: rollouts, shardCount: shards)
  }

  @Test func `shards cover every item once and differ by at most one`() throws {
    for (tasks, rollouts, count) in [(1, 1, 64), (300, 1, 64), (7, 3, 5), (300_000, 1, 64)] {
      let plan = try Self.plan(UInt64(tasks), UInt64(rollouts), shards: count)
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

  @Test func `items are the rollouts of the tasks, each once and in order`() throws {
    let plan = try Self.plan(11, 3)
    let expected = (0..<11).flatMap { task in
      (0..<3).map { ItemKey(taskIndex: task, rolloutIndex: $0) }
    }
    #expect((0..<plan.itemCount).map { plan.key(of: $0) } == expected)
  }

  @Test func `the canonical text reads back, and no other text does`() throws {
    let plan = try Self.plan(3, shards: 2)
    let text = Array(plan.canonicalText.utf8)
    #expect(
      plan.canonicalText
        == #"{"version":2,"kind":"some-kind","specification":{"a":[1,{"b":"\"é"}],"c":null},"#
        + #""tasks":3,"rollouts":1,"attempts":3,"shard_count":2,"shards":[[0,2],[2,3]]}"# + "\n")
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

  @Test func `a plan of another version is told by that`() {
    let old = #"{"version":1,"work":"simulator","policy":"lru","# + "\n"
    #expect(throws: WorkPlanError.otherVersion(1)) { try WorkPlan(canonicalText: Array(old.utf8)) }
  }

  @Test func `values out of range are named`() {
    #expect(throws: WorkPlanError.outOfRange("rollouts")) { try Self.plan(1 << 30, 1 << 11) }
    #expect(throws: WorkPlanError.outOfRange("shards")) { try Self.plan(1, shards: 65_537) }
    #expect(throws: WorkPlanError.outOfRange("kind")) {
      try WorkPlan(kind: "l\"ru", specification: Self.specification, taskCount: 1)
    }
    for count in [0, 101] {
      #expect(throws: WorkPlanError.outOfRange("attempts")) {
        try WorkPlan(
          kind: "k", specification: Self.specification, taskCount: 1, attemptCountMax: count)
      }
    }
  }

  @Test func `a specification is one small object without blanks`() {
    let size = WorkPlan.maximumSpecificationSize
    let largest = #"{"a":""# + String(repeating: "x", count: size - 8) + #""}"#
    for text in ["{}", #"{"a":1}"#, largest] {
      #expect(throws: Never.self, "\(text.prefix(20))") {
        try WorkPlan(kind: "k", specification: Array(text.utf8), taskCount: 1)
      }
    }
    let wrong = [
      "", "1", "[]", "{", "{}}", "{}\n", "{} ", #"{"a": 1}"#, #"{"a":"x}"#, largest + "x",
    ]
    for text in wrong.map({ Array($0.utf8) }) + [[0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]] {
      #expect(throws: WorkPlanError.outOfRange("specification")) {
        try WorkPlan(kind: "k", specification: text, taskCount: 1)
      }
    }
  }

  @Test func `a batch whose lines are not those of its items is found`() throws {
    let plan = try Self.plan(3, 2)
    func fault(
      _ keys: [(Int, Int)], _ items: OrdinalRangeSet, kind: RecordLine.Kind = .result,
      rest: String = #""a":1}"#
    ) -> String? {
      let lines = keys.map { #"{"task_index":\#($0.0),"rollout_index":\#($0.1),"# + rest + "\n" }
      return plan.fault(
        in: RecordBatch(
          BatchHeader(sequence: 1, leaseID: 1, attempt: 1, kind: kind, items: items),
          lines: Array(lines.joined().utf8)))
    }
    #expect(fault([(0, 1), (2, 0)], [1..<2, 4..<5]) == nil)
    #expect(fault([(2, 0), (0, 1)], [1..<2, 4..<5]) != nil, "in another order")
    #expect(fault([(0, 1), (1, 0)], [1..<2, 4..<5]) != nil, "of another item")
    #expect(fault([(0, 1)], [1..<3]) != nil)
    #expect(fault([(0, 1), (1, 0)], [1..<2]) != nil)
    #expect(fault([(2, 1), (3, 0)], [5..<7]) != nil, "beyond the plan")
    let failure = #""error":{"class":"c","message":"m"}}"#
    #expect(fault([(0, 1)], [1..<2], kind: .failure, rest: failure) == nil)
    #expect(fault([(0, 1)], [1..<2], kind: .result, rest: failure) != nil, "it counts as done")
    #expect(fault([(0, 1)], [1..<2], kind: .failure) != nil)
  }
}
