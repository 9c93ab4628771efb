import ArgumentParser
import Coordinator
import Fleet
import FleetView
import Health
import Launch
import Plan
import Runs
import Terminal

struct Why: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what led to the state of a node, a service or a replica, and what to do next.",
    discussion: """
      Puts together the run's journal and what the nodes themselves have noted, oldest first, in \
      UTC by each machine's own clock. A run that has ended is told from its journal alone.
      Exit status: 1 no such node or service, 2 a node does not answer.
      """)

  @OptionGroup var selection: RunSelection

  @Argument(help: "A node, a service, or a replica as SERVICE/INDEX.")
  var subject: String

  @Option(help: "table or json.")
  var format = OutputFormat.table

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveOrLatestRun()
    guard let subject = ChainSubject(self.subject, in: run.plan) else {
      let services = run.plan.services.map { "`\($0.name)`" }.joined(separator: ", ")
      let nodes = NodeSet(run.plan.nodes.map { NodeName($0.name) }).folded
      throw CommandFailure(
        .failed, code: "unknown-subject",
        "`\(self.subject)` is neither a node nor a service of this run",
        hints: ["its services are \(services); its nodes \(nodes)"])
    }
    let report = try await WhyReport(of: subject, in: run, fleet)
    let next = NextStep(
      manifest: self.selection.manifest, isOver: run.isFinished,
      replicas: report.present, unreachable: report.faults.map(\.node), chain: report.chain)
    switch self.format {
    case .table:
      StandardStreams.data(
        "run \(run.id)\n\(report.table)next: `\(next.command)`: \(next.reason)\n")
    case .json: StandardStreams.data(report.json(run: run.id, next: next).text + "\n")
    }
    guard report.faults.isEmpty else {
      throw CommandFailure(.environment, report.faults.folded())
    }
  }
}
