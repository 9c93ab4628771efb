package import ArgumentParser
import Coordinator
import Fleet
import Plan

/// `muster status`: what every replica is doing, asked of the nodes themselves.
package struct Status: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    abstract: "Show the state of every replica of the newest run.",
    discussion: "Exit status: 0 all ready, 1 one failed, 2 a node is unreachable, 3 mixed.")

  @OptionGroup var selection: RunSelection

  @Option(help: "table or json.")
  var format = OutputFormat.table

  package init() {}

  package mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    let used = Set(run.plan.services.flatMap { $0.replicas.map(\.node) })
    let survey = await FleetCall.survey(
      run.plan.nodes.filter { used.contains($0.name) }, open: fleet.links(to: run.id),
      attachment: try fleet.attachment(holding: false))
    let report = StatusReport(plan: run.plan, survey)
    switch self.format {
    case .table: StandardStreams.data("run \(run.id)\n\(report.table)")
    case .json: StandardStreams.data(report.json(run: run.id))
    }
    for warning in report.warnings { StandardStreams.talk(warning.rendered()) }
    guard report.exitStatus == 0 else {
      throw CommandFailure(status: report.exitStatus, report.faults.folded())
    }
  }
}

/// Forms of output that every command has.
package enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case table
  case json
}

extension StatusReport {
  /// One object, its replicas in the order of the plan.
  func json(run: String) -> String {
    let rows = self.rows.map { row in
      JSONText.object([
        ("service", .string(row.service)), ("index", .integer(row.index)),
        ("node", .string(row.node)), ("state", .string(row.state)),
        ("reason", .string(row.reason)), ("pid", .integer(Int(row.processID))),
        ("attempt", .integer(row.attempt)), ("unproven", .bool(row.isUnproven)),
      ])
    }
    return JSONText.object([("run", .string(run)), ("replicas", .array(rows))]).text + "\n"
  }
}
