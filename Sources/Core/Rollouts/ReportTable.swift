/// A report as tables: cells of text, ready for any layout.
package struct ReportTable: Equatable, Sendable {
  package var header: [String]
  package var rows: [[String]]

  /// The tables in the order to be read: rewards by difficulty, their components, metrics, and what
  /// did not go well. A cell without a value is `-`.
  package static func tables(of report: Report) -> [Self] {
    let names = report.groups.map(\.name)
    let reward = Self(
      header: ["difficulty", "records", "planned", "reward", "95 % interval"],
      rows: report.groups.map { group in
        [
          group.name, "\(group.count)", "\(group.planned)", Self.decimal(group.reward),
          group.rewardHalfWidth.map { "± \(Self.decimal($0))" } ?? "-",
        ]
      })
    let rewards = Self.means(report.groups.map(\.rewards))
    let metrics = Self.means(report.groups.map(\.metrics))
    return [
      reward,
      Self(header: ["reward component"] + names, rows: rewards),
      Self(header: ["metric"] + names, rows: metrics),
      Self(header: ["outcome", "count"], rows: Self.outcomes(of: report)),
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
    let tokens = report.groups.first?.metrics.first { $0.name == "total_tokens_metric" }
    var rows = [["records", "\(count) of \(report.planned)"]]
    if let distinct = report.distinctEpisodes { rows.append(["distinct episodes", "\(distinct)"]) }
    rows.append(["tokens", tokens.map { Self.decimal($0.total, digits: 0) } ?? "-"])
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
