import Fleet
import Foundation
import KVCacheSimulator
import Rollouts
import Testing

/// The numbers of a report against numbers that were not computed by it.
struct ReportBuilderTests {
  private static func plan(
    _ tasks: Int, _ rollouts: Int, difficulty: String = "easy"
  ) throws -> WorkPlan {
    let simulator = try SimulatorSpecification(policy: "lru", seed: 42, difficulty: difficulty)
    return try WorkPlan(
      kind: SimulatorSpecification.kind, specification: try simulator.canonicalJSON(),
      taskCount: UInt64(tasks), rolloutsPerTask: UInt64(rollouts))
  }

  private static func line(_ task: Int, _ rollout: Int, _ reward: Double, _ more: String = "")
    -> String
  {
    #"{"task_index":\#(task),"rollout_index":\#(rollout)\#(more),"reward":\#(reward)}"# + "\n"
  }

  private static func report(
    _ plan: WorkPlan, _ lines: [String], missing: [String] = []
  ) throws -> Report {
    let simulator = try SimulatorSpecification(canonicalJSON: plan.specification)
    var builder = ReportBuilder(plan: plan, layout: simulator.reportLayout(of: plan))
    for line in lines { Array(line.utf8).withUnsafeBytes { builder.add($0) } }
    for line in missing { Array(line.utf8).withUnsafeBytes { builder.addMissing($0) } }
    #expect(builder.unreadableCount == 0 && builder.recordCount == UInt64(lines.count))
    return builder.report(of: MergeSummary())
  }

  private static func report(ofRewards tasks: [[Double]]) throws -> Report {
    let lines = tasks.enumerated().flatMap { task, rewards in
      rewards.enumerated().map { Self.line(task, $0, $1) }
    }
    return try Self.report(try Self.plan(tasks.count, 4), lines)
  }

  private static func isClose(_ value: Double?, _ expected: Double) -> Bool {
    guard let value else { return false }
    return abs(value - expected) <= 1e-12 * max(1, abs(expected))
  }

  struct Sample: Sendable {
    var rewards: [[Double]]
    var mean: Double
    var halfWidth: Double
  }

  /// 40 tasks of 4 rollouts: thousandths from the generator of C99's example `rand` (7.20.2.2).
  private static let pseudorandomRewards: [[Double]] = {
    var state: UInt64 = 12345
    return (0..<40).map { _ in
      (0..<4).map { _ in
        state = (1_103_515_245 * state + 12345) % (1 << 31)
        return Double((state >> 16) % 1001) / 1000
      }
    }
  }()

  /// The interval is that of a mean clustered by task (Liang and Zeger): 1.959963984540054 times the
  /// root of C / (C - 1) · Σ (Σ (x - m))² / n², the inner sum over one of C tasks.
  ///
  /// The expected numbers are those of statsmodels 0.15.0, not of this formula:
  /// ```
  /// r = sm.OLS(x, np.ones(n)).fit(
  ///   cov_type="cluster", cov_kwds={"groups": task, "use_correction": True})
  /// r.params[0], (r.conf_int(0.05)[0][1] - r.conf_int(0.05)[0][0]) / 2
  /// ```
  /// and to all their digits but the last those of the formula in Python's exact fractions.
  private static let samples = [
    Sample(
      rewards: [[1, 0, 1], [0, 0, 0], [1, 1, 1], [0.5, 0.25, 1]],
      mean: 0.5625, halfWidth: 0.407644718995943),
    // One rollout each: s / √n · 1.96, with s by n - 1.
    Sample(
      rewards: [[0.1], [0.4], [0.35], [0.9], [0.65]],
      mean: 0.48, halfWidth: 0.26766248711006446),
    // Some rollouts are missing: the mean is over records, not over tasks.
    Sample(
      rewards: [[1, 0, 1], [0.5], [0.25, 0.75]],
      mean: 0.5833333333333334, halfWidth: 0.12474560164641743),
    // Tasks that are alike say nothing of a spread between tasks.
    Sample(rewards: [[1, 0], [1, 0], [0, 1]], mean: 0.5, halfWidth: 0),
    Sample(rewards: [[1], [0]], mean: 0.5, halfWidth: 0.979981992270027),
    Sample(rewards: Self.pseudorandomRewards, mean: 0.48425, halfWidth: 0.04360967509236838),
  ]

  @Test(arguments: Self.samples)
  func `mean and interval are those of another program`(_ sample: Sample) throws {
    let group = try #require(try Self.report(ofRewards: sample.rewards).groups.first)
    #expect(group.count == UInt64(sample.rewards.joined().count))
    #expect(Self.isClose(group.values[0].mean, sample.mean), "\(group.values[0].mean ?? -1)")
    #expect(
      Self.isClose(group.values[0].halfWidth, sample.halfWidth),
      "\(group.values[0].halfWidth ?? -1)")
  }

  @Test func `without records there is no mean, and with one task no interval`() throws {
    let none = try Self.report(try Self.plan(3, 2), [])
    #expect(none.groups[0].values[0].mean == nil && none.groups[0].values[0].halfWidth == nil)
    #expect(none.groups[0].count == 0 && none.groups[0].planned == 6)
    let one = try Self.report(ofRewards: [[1, 0, 1]])
    #expect(Self.isClose(one.groups[0].values[0].mean, 2.0 / 3))
    #expect(one.groups[0].values[0].halfWidth == nil)
  }

  @Test func `a mean of very different sizes loses nothing`() throws {
    // In plain doubles 1 + 1e16 - 1e16 - 1 is -1, and the mean wrong by a quarter.
    let report = try Self.report(ofRewards: [[1], [1e16], [-1e16], [-1]])
    #expect(report.groups[0].values[0].mean == 0)
  }

  @Test func `each difficulty has its own mean and interval`() throws {
    let rewards: [[Double]] = [
      [1, 0], [0, 0], [1, 1], [0.5, 1], [0, 1], [0.25, 0.5], [0, 0],
    ]
    let lines = rewards.enumerated().flatMap { task, rewards in
      let name = ["easy", "medium", "hard"][task % 3]
      return rewards.enumerated().map { Self.line(task, $0, $1, #","difficulty":"\#(name)""#) }
    }
    let report = try Self.report(try Self.plan(7, 2, difficulty: "all"), lines)
    #expect(report.groups.map(\.name) == ["all", "easy", "medium", "hard"])
    #expect(report.groups.map(\.planned) == [14, 6, 4, 4])
    #expect(report.groups.map(\.count) == [14, 6, 4, 4])
    // By hand. easy: tasks 0, 3, 6 with sums 1, 1.5, 0 and mean 2.5 / 6: deviations 1/6, 4/6, -5/6,
    // squares 42/36; 3/2 · 42/36 / 36 = 7/144. medium: sums 0, 1; deviations ±1/2; 2 · 1/2 / 16.
    // hard: sums 2, 0.75; mean 0.6875; deviations ±0.625; 2 · 0.78125 / 16.
    let variances = [7.0 / 144, 1.0 / 16, 0.78125 / 8]
    let means = [2.5 / 6, 0.25, 0.6875]
    for index in 0..<3 {
      let group = report.groups[index + 1]
      #expect(Self.isClose(group.values[0].mean, means[index]))
      #expect(
        Self.isClose(group.values[0].halfWidth, 1.959963984540054 * variances[index].squareRoot()))
    }
  }

  @Test func `means of what only some records have are over those`() throws {
    let report = try Self.report(
      try Self.plan(3, 1),
      [
        Self.line(0, 0, 1, #","rewards":{"a":1,"b":2},"metrics":{"t":10}"#),
        Self.line(1, 0, 0, #","rewards":{"b":4,"c":-1},"metrics":{"t":20}"#),
        Self.line(2, 0, 0),
      ])
    let group = report.groups[0]
    #expect(group.means(of: "rewards").map(\.name) == ["a", "b", "c"])
    #expect(group.means(of: "rewards").map(\.count) == [1, 2, 1])
    #expect(group.means(of: "rewards").map(\.mean) == [1, 3, -1])
    #expect(group.means(of: "rewards").map(\.total) == [1, 6, -1])
    let metric = try #require(group.means(of: "metrics").first)
    #expect(metric.name == "t" && metric.count == 2 && metric.mean == 15 && metric.total == 30)
  }

  @Test func `a kind that says nothing of its records has every number that is there`() throws {
    let plan = try WorkPlan(kind: "other", specification: Array("{}".utf8), taskCount: 3)
    var builder = ReportBuilder(plan: plan, layout: ReportLayout(plan))
    for line in [
      #"{"task_index":0,"rollout_index":0,"score":1,"text":"x","usage":{"in":3,"model":"m"}}"#,
      #"{"task_index":1,"rollout_index":0,"messages":[{"n":1}],"score":2,"usage":{"in":5}}"#,
      #"{"task_index":2,"rollout_index":0,"text":"no number","flag":true,"none":null}"#,
    ] {
      Array((line + "\n").utf8).withUnsafeBytes { builder.add($0) }
    }
    #expect(builder.recordCount == 3 && builder.unreadableCount == 0)
    let report = builder.report(of: MergeSummary())
    let group = try #require(report.groups.first)
    #expect(group.values.map(\.name) == ["score"] && group.values[0].mean == 1.5)
    #expect(group.values[0].count == 2 && group.count == 3 && group.planned == 3)
    #expect(group.means(of: "usage").map(\.total) == [8])
    let tables = ReportTable.tables(of: report)
    #expect(tables[0].header == ["work", "records", "planned", "score", "95 % interval"])
    #expect(tables[1].header == ["usage", "all"] && tables[1].rows == [["in", "4.0000"]])
    #expect(report.json.contains(#""groups":[{"name":"all","planned":3,"records":3,"score":1.5,"#))
  }

  @Test func `numbers without end or bounds are passed over, and the report stays JSON`() throws {
    let plan = try WorkPlan(kind: "other", specification: Array("{}".utf8), taskCount: 2)
    var builder = ReportBuilder(plan: plan, layout: ReportLayout(plan))
    let many = (0..<600).map { #""n\#($0)":1"# }.joined(separator: ",")
    let long = String(repeating: "9", count: 500)
    for (task, rest) in [#""a":1e999,"b":\#(long),"c":-1e308"#, #""c":-1e308,\#(many)"#]
      .enumerated()
    {
      Array(#"{"task_index":\#(task),"rollout_index":0,\#(rest)}\#n"#.utf8)
        .withUnsafeBytes { builder.add($0) }
    }
    #expect(builder.recordCount == 2 && builder.unreadableCount == 0)
    let report = builder.report(of: MergeSummary())
    #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(report.json.utf8)) }
    #expect(!ReportTable.tables(of: report).isEmpty)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a record of many names costs no more for each than one of few`() throws {
    let plan = try Self.plan(1, 1)
    var builder = ReportBuilder(plan: plan, layout: ReportLayout(plan))
    let names = (0..<200_000).map { #""n\#($0)":null"# }.joined(separator: ",")
    Array(#"{"task_index":0,"rollout_index":0,\#(names),"x":1}"#.utf8)
      .withUnsafeBytes { builder.add($0) }
    #expect(builder.recordCount == 1 && builder.unreadableCount == 0)
  }

  @Test func `names without end are passed over, and take no number from those that are known`()
    throws
  {
    let plan = try WorkPlan(kind: "other", specification: Array("{}".utf8), taskCount: 3000)
    var builder = ReportBuilder(plan: plan, layout: ReportLayout(plan))
    for task in 0..<3000 {
      let line =
        #"{"task_index":\#(task),"rollout_index":0,"n\#(task)":1,"o\#(task)":{"m":2},"s":3}"#
      Array((line + "\n").utf8).withUnsafeBytes { builder.add($0) }
    }
    #expect(builder.recordCount == 3000 && builder.unreadableCount == 0)
    let group = try #require(builder.report(of: MergeSummary()).groups.first)
    #expect(group.values.first { $0.name == "s" }?.total == 9000)
    #expect(group.values.count + group.sections.count < 1024)
  }

  @Test func `the simulator's tables are titled as they were before there were other kinds`() throws
  {
    let report = try Self.report(try Self.plan(3, 1, difficulty: "all"), [])
    let names = ["all", "easy", "medium", "hard"]
    #expect(
      ReportTable.tables(of: report).map(\.header) == [
        ["difficulty", "records", "planned", "reward", "95 % interval"],
        ["reward component"] + names, ["metric"] + names, ["outcome", "count"],
      ])
    #expect(ReportTable.tables(of: report)[0].rows[0] == ["all", "0", "3", "-", "-"])
    #expect(report.json.contains(#""reward":null,"reward_half_width":null,"rewards":{},"#))
  }

  // MARK: Episodes

  @Test func `rollouts that repeat themselves are one episode, within their task alone`() throws {
    let (one, two) = (#","seed":1"#, #","seed":2"#)
    let lines = [
      // Task 0: one episode four times. Task 1: two. Task 2, with a rollout missing: two.
      Self.line(0, 0, 1, one), Self.line(0, 1, 1, one), Self.line(0, 2, 1, one),
      Self.line(0, 3, 1, one),
      Self.line(1, 0, 1, one), Self.line(1, 1, 0, one), Self.line(1, 2, 1, one),
      Self.line(1, 3, 0, one),
      Self.line(2, 0, 1, one), Self.line(2, 2, 1, two), Self.line(2, 3, 1, one),
    ]
    #expect(try Self.report(try Self.plan(3, 4), lines).distinctEpisodes == 5)
    #expect(try Self.report(try Self.plan(3, 4), []).distinctEpisodes == 0)
    let single = [Self.line(0, 0, 1, one), Self.line(1, 0, 1, one)]
    #expect(
      try Self.report(try Self.plan(2, 1), single).distinctEpisodes == nil, "nothing to compare")
  }

  /// What a record says besides its key, by other means than the builder's.
  private static func episode(of line: String) throws -> String {
    let key = try Regex(#"^\{"task_index":\d+,"rollout_index":\d+,"#)
    return line.replacing(key, with: "")
  }

  @Test(arguments: PolicyName.allCases)
  func `the simulator's own rollouts are counted as they are`(policy: PolicyName) throws {
    let (tasks, rollouts) = (6, 5)
    var worker = SimulatorWorker(SimulatorSpecification(policy: policy, seed: 7))
    var lines: [String] = []
    for ordinal in 0..<tasks * rollouts {
      var bytes: [UInt8] = []
      worker.appendRecord(
        of: ItemKey(ordinal: UInt64(ordinal), rolloutsPerTask: UInt64(rollouts)), to: &bytes)
      lines.append(String(decoding: bytes, as: UTF8.self))
    }
    var expected = 0
    for task in 0..<tasks {
      let episodes = try lines[task * rollouts..<(task + 1) * rollouts].map(Self.episode)
      expected += Set(episodes).count
    }
    let report = try Self.report(try Self.plan(tasks, rollouts, difficulty: "all"), lines)
    // Only that policy draws lots; the others do the same each time.
    #expect(expected == (policy == .random ? tasks * rollouts : tasks))
    #expect(report.distinctEpisodes == UInt64(expected))
  }

  // MARK: Failures

  @Test func `failures are counted by class, and the rest of the missing apart`() throws {
    func failure(_ task: Int, _ name: String) -> String {
      #"{"task_index":\#(task),"rollout_index":0,"reason":"error","attempt":2,"#
        + #""error":{"class":"\#(name)","message":"m"}}"# + "\n"
    }
    let noRecord = #"{"task_index":9,"rollout_index":0,"reason":"no_record"}"# + "\n"
    let report = try Self.report(
      try Self.plan(10, 1), [],
      missing: [failure(0, "timeout"), failure(1, "zebra"), failure(2, "timeout"), noRecord])
    #expect(report.missing == 4 && !report.isComplete)
    #expect(
      report.failures.map(\.name) == ["crash", "invalid", "refused", "timeout", "zebra"])
    #expect(report.failures.map(\.count) == [0, 0, 0, 2, 1])
  }

  @Test func `more classes than fit are counted together, and none is lost`() throws {
    let missing = (0..<200).map {
      #"{"task_index":\#($0),"rollout_index":0,"reason":"error","attempt":1,"#
        + #""error":{"class":"c\#($0)","message":""}}"# + "\n"
    }
    let report = try Self.report(try Self.plan(200, 1), [], missing: missing)
    #expect(report.failures.reduce(0) { $0 + $1.count } == 200)
    #expect(report.failures.count == 64 + 1 + ReportBuilder.knownFailureClasses.count)
    #expect(report.failures.first { $0.name == "other" }?.count == 136)
  }
}
