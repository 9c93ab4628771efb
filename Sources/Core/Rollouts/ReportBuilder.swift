/// Adds up merged records, once and in their order, into a report.
package struct ReportBuilder {
  /// Counted even where there is none of them. What a worker reports under another name is counted
  /// under that name.
  package static let knownFailureClasses = ["crash", "invalid", "refused", "timeout"]
  /// More classes than this are counted together as `other`: their names come from nodes.
  private static let maximumClassCount = 64

  private let plan: WorkPlan
  private let layout: ReportLayout
  private var groups: [ReportGroupBuilder]
  private var fields: RecordLineFields
  private var failures: [String: UInt64] = [:]
  private var missing: UInt64 = 0
  private var task: UInt64?
  private var episodes: Set<[UInt8]> = []
  private var distinctEpisodes: UInt64 = 0
  package private(set) var recordCount: UInt64 = 0
  /// Lines that are not records; they are in no mean.
  package private(set) var unreadableCount: UInt64 = 0

  package init(plan: WorkPlan, layout: ReportLayout) {
    self.plan = plan
    self.layout = layout
    self.groups = layout.groups.map { ReportGroupBuilder($0, layout) }
    self.fields = RecordLineFields(groupField: layout.groupField)
  }

  /// A line of `records.jsonl`, in the order of keys.
  package mutating func add(_ line: UnsafeRawBufferPointer) {
    guard self.fields.read(line) else {
      self.unreadableCount += 1
      return
    }
    self.recordCount += 1
    self.groups[0].add(self.fields)
    for index in self.groups.indices.dropFirst()
    where line[self.fields.group].elementsEqual(self.groups[index].group.name.utf8) {
      self.groups[index].add(self.fields)
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
    let isListed = self.failures[name] != nil || self.failures.count < Self.maximumClassCount
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
  package func report(of merge: MergeSummary) -> Report {
    let others = self.failures.keys.filter { !Self.knownFailureClasses.contains($0) }.sorted()
    return Report(
      plan: self.plan, layout: self.layout,
      groups: self.groups.map { $0.report(of: self.fields.members) },
      missing: self.missing,
      failures: (Self.knownFailureClasses + others).map { ($0, self.failures[$0] ?? 0) },
      merge: merge,
      distinctEpisodes: self.plan.rolloutsPerTask > 1
        ? self.distinctEpisodes + UInt64(self.episodes.count) : nil)
  }
}

/// Adds up the records of one group.
private struct ReportGroupBuilder {
  /// A number that records have.
  private struct Column {
    var sum = StatisticsSum()
    /// Of the records' own numbers.
    var clustered: StatisticsClusteredMean?
  }

  /// Numbers with an interval: each keeps a sum for every task, and a task may have but one record.
  private static let maximumIntervalCount = 8

  let group: (name: String, planned: UInt64)
  private let layout: ReportLayout
  private var count: UInt64 = 0
  /// One for each name that a record has had so far.
  private var columns: [Column] = []

  init(_ group: (name: String, planned: UInt64), _ layout: ReportLayout) {
    self.group = group
    self.layout = layout
  }

  mutating func add(_ record: RecordLineFields) {
    self.count += 1
    while self.columns.count < record.members.count { self.columns.append(Column()) }
    for field in record.fields {
      if self.columns[field.member].sum.count == 0, self.hasInterval(record.members[field.member]) {
        self.columns[field.member].clustered = StatisticsClusteredMean()
      }
      self.columns[field.member].sum.add(field.value)
      self.columns[field.member].clustered?.add(field.value, cluster: record.key.taskIndex)
    }
  }

  private func isSetting(_ member: RecordLineFields.Member) -> Bool {
    member.section.isEmpty && self.layout.settings.contains(member.name)
  }

  private func hasInterval(_ member: RecordLineFields.Member) -> Bool {
    member.section.isEmpty && !self.isSetting(member)
      && self.columns.count { $0.clustered != nil } < Self.maximumIntervalCount
  }

  // MARK: Result

  /// - Parameter members: The names that all records have had.
  func report(of members: [RecordLineFields.Member]) -> Report.Group {
    let found = zip(members, self.columns).filter { $1.sum.count > 0 && !self.isSetting($0) }
    let sections = Self.ordered(
      self.layout.sections.map(\.name), found.map(\.0.section).filter { !$0.isEmpty })
    return Report.Group(
      name: self.group.name, planned: self.group.planned, count: self.count,
      values: Self.means(found.filter { $0.0.section.isEmpty }, first: self.layout.values),
      sections: sections.map { name in (name, Self.means(found.filter { $0.0.section == name })) })
  }

  private static func means(
    _ columns: [(RecordLineFields.Member, Column)], first: [String] = []
  ) -> [Report.Mean] {
    let means = columns.map { member, column in
      Report.Mean(
        name: member.name, count: column.sum.count, mean: column.sum.mean,
        total: column.sum.total, halfWidth: column.clustered?.halfWidth)
    }
    return Self.ordered(first, means.map(\.name)).map { name in
      means.first { $0.name == name } ?? Report.Mean(name: name, count: 0, total: 0)
    }
  }

  /// `first`, and what else is in `names`, each once.
  private static func ordered(_ first: [String], _ names: [String]) -> [String] {
    names.reduce(into: first) { if !$0.contains($1) { $0.append($1) } }
  }
}
