/// Adds up merged records, once and in their order, into a report.
package struct ReportBuilder {
  /// Counted even where there is none of them. What a worker reports under another name is counted
  /// under that name.
  package static let knownFailureClasses = ["crash", "invalid", "refused", "timeout"]
  /// More classes than this are counted together as `other`: their names come from nodes.
  private static let maximumClassCount = 64
  /// Source: simulator.md, section 3: under `all`, scenario i has difficulty i mod 3 of these.
  private static let difficulties = ["easy", "medium", "hard"]

  private let plan: WorkPlan
  private var groups: [ReportGroupBuilder]
  private var fields = RecordLineFields()
  private var failures: [String: UInt64] = [:]
  private var missing: UInt64 = 0
  private var task: UInt64?
  private var episodes: Set<[UInt8]> = []
  private var distinctEpisodes: UInt64 = 0
  package private(set) var recordCount: UInt64 = 0
  /// Lines that are not records; they are in no mean.
  package private(set) var unreadableCount: UInt64 = 0

  package init(plan: WorkPlan) {
    self.plan = plan
    self.groups = [ReportGroupBuilder(name: plan.difficulty, planned: plan.itemCount)]
    guard plan.difficulty == "all" else { return }
    for (index, name) in Self.difficulties.enumerated() {
      let taskCount = (plan.taskCount + 2 - UInt64(index)) / 3
      self.groups.append(
        ReportGroupBuilder(name: name, planned: taskCount * plan.rolloutsPerTask))
    }
  }

  /// A line of `records.jsonl`, in the order of keys.
  package mutating func add(_ line: UnsafeRawBufferPointer) {
    guard self.fields.read(line) else {
      self.unreadableCount += 1
      return
    }
    self.recordCount += 1
    self.groups[0].add(self.fields, line)
    for index in self.groups.indices.dropFirst()
    where line[self.fields.difficulty].elementsEqual(self.groups[index].name.utf8) {
      self.groups[index].add(self.fields, line)
    }
    if self.plan.rolloutsPerTask > 1 { self.countEpisode(line) }
  }

  /// A line of `missing.jsonl`.
  package mutating func addMissing(_ line: UnsafeRawBufferPointer) {
    self.missing += 1
    guard let (_, end) = RecordLine.key(of: line) else { return }
    var scanner = RecordLineScanner(line, from: end)
    guard scanner.take(#""reason":"error","attempt":"#), scanner.integer() != nil,
      scanner.take(#","error":{"class":"#), let name = scanner.text()
    else { return }
    let isNew = self.failures[name] == nil
    let isListed = !isNew || self.failures.count < Self.maximumClassCount
    self.failures[isListed ? name : "other", default: 0] += 1
  }

  private mutating func countEpisode(_ line: UnsafeRawBufferPointer) {
    if self.task != self.fields.key.taskIndex {
      self.distinctEpisodes += UInt64(self.episodes.count)
      self.episodes.removeAll(keepingCapacity: true)
      self.task = self.fields.key.taskIndex
    }
    self.episodes.insert(Array(line[self.fields.tail...]))
  }

  /// The report of all that was added.
  package func report(
    conflicts: UInt64, rejected: UInt64, batches: Int, retriedBatches: Int
  ) -> Report {
    let others = self.failures.keys.filter { !Self.knownFailureClasses.contains($0) }.sorted()
    return Report(
      workID: self.plan.workID, policy: self.plan.policy, seed: self.plan.seed,
      rolloutsPerTask: self.plan.rolloutsPerTask, groups: self.groups.map(\.group),
      missing: self.missing,
      failures: (Self.knownFailureClasses + others).map {
        Report.FailureCount(name: $0, count: self.failures[$0] ?? 0)
      },
      conflicts: conflicts, rejected: rejected, batches: batches, retriedBatches: retriedBatches,
      distinctEpisodes: self.plan.rolloutsPerTask > 1
        ? self.distinctEpisodes + UInt64(self.episodes.count) : nil)
  }
}
