/// A report as tables: cells of text, ready for any layout.
package struct ReportTable: Equatable, Sendable {
  package var header: [String]
  package var rows: [[String]]

  /// The tables in the order to be read: the records' own numbers by group, those of their objects,
  /// and what did not go well. A cell without a value is `-`.
  package static func tables(of report: Report) -> [Self] {
    let names = report.groups.map(\.name)
    let all = report.groups.first
    let values = Self(
      header: [report.layout.groupField ?? "work", "records", "planned"]
        + (all?.values ?? []).flatMap { [$0.name, "95 % interval"] },
      rows: report.groups.map { group in
        [group.name, "\(group.count)", "\(group.planned)"]
          + (all?.values ?? []).flatMap { Self.cells(of: $0.name, in: group.values) }
      })
    let sections = (all?.sections ?? []).map { section in
      let title = report.layout.sections.first { $0.name == section.name }?.title ?? section.name
      return Self(
        header: [title] + names,
        rows: Self.means(report.groups.map { $0.means(of: section.name) }))
    }
    return [values] + sections
      + [Self(header: ["outcome", "count"], rows: Self.outcomes(of: report))]
  }

  private static func cells(of name: String, in values: [Report.Mean]) -> [String] {
    let value = values.first { $0.name == name }
    return [
      Self.decimal(value?.mean), value?.halfWidth.map { "± \(Self.decimal($0))" } ?? "-",
    ]
  }

  private static func means(_ groups: [[Report.Mean]]) -> [[String]] {
    (groups.first ?? []).map { mean in
      [mean.name]
        + groups.map { group in
          Self.decimal(group.first { $0.name == mean.name }?.mean)
        }
    }
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
    rows.append(["conflicts", "\(report.conflicts)"])
    rows.append(["rejected", "\(report.rejected)"])
    rows.append(["batches", "\(report.batches)"])
    rows.append(["batches of a later attempt", "\(report.retriedBatches)"])
    return rows
  }

  /// With four digits after the point, rounded half away from zero; the shortest form beyond 10^14.
  static func decimal(_ value: Double?, digits: Int = 4) -> String {
    guard let value else { return "-" }
    var scale: Int64 = 1
    for _ in 0..<digits { scale *= 10 }
    guard abs(value) < 1e14 else { return "\(value)" }
    let scaled = Int64((abs(value) * Double(scale)).rounded(.toNearestOrAwayFromZero))
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(scaled)" }
    let fraction = String(scaled % scale)
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(sign)\(scaled / scale).\(zeros)\(fraction)"
  }
}
