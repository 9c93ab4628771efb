import ArgumentParser
import Rollouts
import Runs
import Terminal

/// `muster report RUN`: what the last merge of a run says.
struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Prints the statistics of a run's merged result.",
    discussion: "Exit status 3 when items are missing.")

  @OptionGroup var location: MergeRunLocation

  @Option(help: "table or json.")
  var format = OutputFormat.table

  func run() async throws {
    let report = try self.location.found().report()
    StandardStreams.data(self.format == .json ? report.json : ReportText.text(of: report))
    try CommandFailure.unless(ExitStatus(report))
  }
}

/// A report's tables in columns of plain text: the first column to the left, numbers to the right.
enum ReportText {
  static func text(of report: Report) -> String {
    ReportTable.tables(of: report).map { table in
      var text = Table(
        table.header.enumerated().map { Table.Column($1, $0 == 0 ? .left : .right) })
      for row in table.rows { text.append(row) }
      return text.rendered()
    }.joined(separator: "\n")
  }
}
