import ArgumentParser
import Rollouts
import Runs

/// `muster report RUN`: what the last merge of a run says.
struct ReportCommand: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
  }

  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Prints the statistics of a run's merged result.",
    discussion: "Exit status 3 when items are missing.")

  @OptionGroup var location: MergeRunLocation

  @Option(help: "table or json.")
  var format = Format.table

  func run() async throws {
    let report = try self.location.found().report()
    switch self.format {
    case .table: StandardStreams.data(ReportText.text(of: report))
    case .json: StandardStreams.data(report.json)
    }
    if !report.isComplete { throw CommandFailure(.incomplete) }
  }
}

/// A report's tables in columns of plain text: the first column to the left, numbers to the right.
enum ReportText {
  static func text(of report: Report) -> String {
    ReportTable.tables(of: report).map(Self.text).joined(separator: "\n")
  }

  private static func text(of table: ReportTable) -> String {
    let rows = [table.header] + table.rows
    let widths = table.header.indices.map { column in
      rows.map { $0[column].count }.max() ?? 0
    }
    return rows.map { row in
      zip(row, widths).enumerated().map { index, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return index == 0 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ") + "\n"
    }.joined()
  }
}
