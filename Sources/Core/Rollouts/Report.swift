import Fleet

/// What a report shows of the records of a kind of work, besides every number that they have.
package struct ReportLayout: Sendable {
  /// The text by whose value records are grouped; `nil`: they are not.
  package var groupField: String?
  /// The values of that text, and how many records of each are planned; first all, by any name.
  package var groups: [(name: String, planned: UInt64)]
  /// Numbers that say what was asked for, not what came of it: not shown.
  package var settings: [String] = []
  /// Numbers that are shown first, also where no record has them.
  package var values: [String] = []
  /// Objects with numbers that are shown first, and the titles of their tables.
  package var sections: [(name: String, title: String)] = []
  /// Sums that are shown beside the outcomes.
  package var totals: [(title: String, section: String, name: String)] = []

  package init(groupField: String? = nil, groups: [(name: String, planned: UInt64)]) {
    self.groupField = groupField
    self.groups = groups
  }

  /// Of a kind that says nothing of its records.
  package init(_ plan: WorkPlan) {
    self.init(groups: [(name: "all", planned: plan.itemCount)])
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

  /// Records that have a text in common, or all.
  package struct Group: Sendable {
    package var name: String
    package var planned: UInt64
    package var count: UInt64
    /// The numbers of the records themselves, in the layout's order, then in that of the records.
    package var values: [Mean]
    /// Those of each object in them.
    package var sections: [(name: String, means: [Mean])]

    /// The numbers of the object of this name.
    package func means(of section: String) -> [Mean] {
      self.sections.first { $0.name == section }?.means ?? []
    }
  }

  package var plan: WorkPlan
  package var layout: ReportLayout
  /// As the layout has them: all first.
  package var groups: [Group]
  package var missing: UInt64
  /// Of the missing, by class: those that are known, also with 0, then others by name.
  package var failures: [(name: String, count: UInt64)]
  package var merge: MergeSummary
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
    text += #""missing":\#(self.missing),"conflicts":\#(self.merge.conflicts),"#
    text += #""rejected":\#(self.merge.rejected),"batches":\#(self.merge.batches),"#
    text += #""retried_batches":\#(self.merge.retriedBatches),"distinct_episodes":"#
    text += self.distinctEpisodes.map { "\($0)" } ?? "null"
    text += #","failures":{"#
    text += self.failures.map { "\(JSONText.quoted($0.name)):\($0.count)" }.joined(separator: ",")
    text += #"},"groups":["#
    text += self.groups.map(Self.object).joined(separator: ",")
    return text + "]}\n"
  }

  private static func object(_ group: Group) -> String {
    var text = #"{"name":\#(JSONText.quoted(group.name)),"planned":\#(group.planned),"#
    text += #""records":\#(group.count)"#
    for value in group.values {
      text += ",\(JSONText.quoted(value.name)):\(Self.number(value.mean))"
      text += ",\(JSONText.quoted(value.name + "_half_width")):\(Self.number(value.halfWidth))"
    }
    for section in group.sections {
      let means = section.means.map { mean in
        #"\#(JSONText.quoted(mean.name)):{"records":\#(mean.count),"#
          + #""mean":\#(Self.number(mean.mean)),"total":\#(Self.number(mean.total))}"#
      }
      text += ",\(JSONText.quoted(section.name)):{\(means.joined(separator: ","))}"
    }
    return text + "}"
  }

  /// What is beyond all doubles is no number of JSON.
  private static func number(_ value: Double?) -> String {
    value.map { $0.isFinite ? "\($0)" : "null" } ?? "null"
  }
}

/// A report as tables: cells of text, ready for any layout.
package struct ReportTable: Equatable, Sendable {
  package var header: [String]
  package var rows: [[String]]

  /// The tables in the order to be read: the records' own numbers by group, those of their objects,
  /// and what did not go well. A cell without a value is `-`.
  package static func tables(of report: Report) -> [Self] {
    let all = report.groups.first
    let columns = (all?.values ?? []).map(\.name)
    let values = Self(
      header: [report.layout.groupField ?? "work", "records", "planned"]
        + columns.flatMap { [$0, "95 % interval"] },
      rows: report.groups.map { group in
        [group.name, "\(group.count)", "\(group.planned)"]
          + columns.flatMap { name in
            let value = group.values.first { $0.name == name }
            return [
              Self.decimal(value?.mean), value?.halfWidth.map { "± \(Self.decimal($0))" } ?? "-",
            ]
          }
      })
    let sections = (all?.sections ?? []).map { section in
      let title = report.layout.sections.first { $0.name == section.name }?.title ?? section.name
      return Self(
        header: [title] + report.groups.map(\.name),
        rows: section.means.map(\.name).map { name in
          [name]
            + report.groups.map { group in
              Self.decimal(group.means(of: section.name).first { $0.name == name }?.mean)
            }
        })
    }
    return [values] + sections
      + [Self(header: ["outcome", "count"], rows: Self.outcomes(of: report))]
  }

  private static func outcomes(of report: Report) -> [[String]] {
    let count = report.groups.first?.count ?? 0
    var rows = [["records", "\(count) of \(report.planned)"]]
    if let distinct = report.distinctEpisodes { rows.append(["distinct episodes", "\(distinct)"]) }
    for total in report.layout.totals {
      let mean = report.groups.first?.means(of: total.section).first { $0.name == total.name }
      rows.append([total.title, mean.map { Self.decimal($0.total, digits: 0) } ?? "-"])
    }
    rows.append(["missing", "\(report.missing)"])
    rows += report.failures.map { ["failed: \($0.name)", "\($0.count)"] }
    rows.append(["conflicts", "\(report.merge.conflicts)"])
    rows.append(["rejected", "\(report.merge.rejected)"])
    rows.append(["batches", "\(report.merge.batches)"])
    rows.append(["batches of a later attempt", "\(report.merge.retriedBatches)"])
    return rows
  }

  /// With `digits` after the point, rounded half away from zero; the shortest form beyond 10^14.
  package static func decimal(_ value: Double?, digits: Int = 4) -> String {
    guard let value else { return "-" }
    guard abs(value) < 1e14 else { return "\(value)" }
    let scale = (0..<digits).reduce(Int64(1)) { scale, _ in scale * 10 }
    let scaled = Int64((abs(value) * Double(scale)).rounded(.toNearestOrAwayFromZero))
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(scaled)" }
    return "\(sign)\(scaled / scale).\((scaled % scale).digits(digits))"
  }
}
