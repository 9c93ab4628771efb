/// What a report shows of the records of a kind of work, besides every number that they have.
package struct ReportLayout: Sendable {
  package struct Group: Equatable, Sendable {
    /// The value of ``ReportLayout/groupField``; of the first group any.
    package var name: String
    package var planned: UInt64

    package init(name: String, planned: UInt64) {
      self.name = name
      self.planned = planned
    }
  }

  /// A sum that is shown beside the outcomes.
  package struct Total: Equatable, Sendable {
    package var title: String
    package var section: String
    package var name: String

    package init(title: String, section: String, name: String) {
      self.title = title
      self.section = section
      self.name = name
    }
  }

  /// The text by whose value records are grouped; `nil`: they are not.
  package var groupField: String?
  /// All records first.
  package var groups: [Group]
  /// Numbers that say what was asked for, not what came of it: not shown.
  package var settings: [String] = []
  /// Numbers that are shown first, also where no record has them.
  package var values: [String] = []
  /// Objects with numbers that are shown first, and the titles of their tables.
  package var sections: [(name: String, title: String)] = []
  package var totals: [Total] = []

  package init(groupField: String? = nil, groups: [Group]) {
    self.groupField = groupField
    self.groups = groups
  }

  /// Of a kind that says nothing of its records.
  package init(_ plan: WorkPlan) {
    self.init(groups: [Group(name: "all", planned: plan.itemCount)])
  }
}

/// What a work found. Errors are apart from results: a mean is over the records that have the number,
/// and `planned` stands beside it.
package struct Report: Sendable {
  package struct Mean: Equatable, Sendable {
    package var name: String
    /// How many records have it.
    package var count: UInt64
    /// `nil` without any.
    package var mean: Double?
    package var total: Double
    /// Half the 95 % confidence interval, clustered by task; `nil` with fewer than two tasks, and of
    /// numbers in an object.
    package var halfWidth: Double?
  }

  /// The numbers of one object in the records.
  package struct Section: Equatable, Sendable {
    package var name: String
    package var means: [Mean]
  }

  /// Records that have a text in common, or all.
  package struct Group: Equatable, Sendable {
    package var name: String
    package var planned: UInt64
    package var count: UInt64
    /// The numbers of the records themselves, in the layout's order, then in that of the records.
    package var values: [Mean]
    package var sections: [Section]

    /// The numbers of the object of this name.
    package func means(of section: String) -> [Mean] {
      self.sections.first { $0.name == section }?.means ?? []
    }
  }

  package struct FailureCount: Equatable, Sendable {
    package var name: String
    package var count: UInt64
  }

  package var plan: WorkPlan
  package var layout: ReportLayout
  /// As the layout has them: all first.
  package var groups: [Group]
  package var missing: UInt64
  /// Of the missing, by class: those that are known, also with 0, then others by name.
  package var failures: [FailureCount]
  package var conflicts: UInt64
  package var rejected: UInt64
  package var batches: Int
  package var retriedBatches: Int
  /// How many records of a task differ in more than their key, summed over tasks; `nil` with one
  /// rollout a task.
  package var distinctEpisodes: UInt64?

  package var planned: UInt64 { self.plan.itemCount }
  package var isComplete: Bool { self.missing == 0 }

  /// The report as one JSON object and a line feed; doubles as the shortest decimal that reads back.
  package var json: String {
    var text = #"{"work_id":"\#(self.plan.workID)","kind":"\#(self.plan.kind)","#
    text += #""specification":\#(String(decoding: self.plan.specification, as: UTF8.self)),"#
    text += #""rollouts":\#(self.plan.rolloutsPerTask),"planned":\#(self.planned),"#
    text += #""missing":\#(self.missing),"conflicts":\#(self.conflicts),"#
    text += #""rejected":\#(self.rejected),"batches":\#(self.batches),"#
    text += #""retried_batches":\#(self.retriedBatches),"distinct_episodes":"#
    text += self.distinctEpisodes.map { "\($0)" } ?? "null"
    text += #","failures":{"#
    text += self.failures.map { "\(Self.string($0.name)):\($0.count)" }.joined(separator: ",")
    text += #"},"groups":["#
    text += self.groups.map(Self.object).joined(separator: ",")
    return text + "]}\n"
  }

  private static func object(_ group: Group) -> String {
    var text = #"{"name":\#(Self.string(group.name)),"planned":\#(group.planned),"#
    text += #""records":\#(group.count)"#
    for value in group.values {
      text += ",\(Self.string(value.name)):\(Self.number(value.mean))"
      text += ",\(Self.string(value.name + "_half_width")):\(Self.number(value.halfWidth))"
    }
    for section in group.sections {
      text += ",\(Self.string(section.name)):{\(Self.members(section.means))}"
    }
    return text + "}"
  }

  private static func members(_ means: [Mean]) -> String {
    means.map { mean in
      #"\#(Self.string(mean.name)):{"records":\#(mean.count),"mean":\#(Self.number(mean.mean)),"#
        + #""total":\#(mean.total)}"#
    }.joined(separator: ",")
  }

  private static func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "null" }

  private static func string(_ text: String) -> String {
    var bytes: [UInt8] = []
    RecordLine.appendString(text, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}
