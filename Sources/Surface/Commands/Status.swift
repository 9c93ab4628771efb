import ArgumentParser
import Coordinator
import Fleet
import FleetView
import Launch
import Runs
import Terminal

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the state of every replica of the newest run.",
    discussion: "Exit status: 0 all ready, 1 one failed, 2 a node is unreachable, 3 mixed.")

  @OptionGroup var selection: RunSelection

  @Option(help: "table or json.")
  var format = OutputFormat.table

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    let report = try await StatusReport(of: run, fleet)
    switch self.format {
    case .table: StandardStreams.data("run \(run.id)\n\(report.table)")
    case .json: StandardStreams.data(report.json(run: run.id).text + "\n")
    }
    for warning in report.warnings { StandardStreams.tell(warning) }
    guard report.condition == .ready else {
      throw CommandFailure(ExitStatus(report.condition), report.faults.folded())
    }
  }
}

/// Forms of output that every command has.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case table
  case json
}
