import ArgumentParser
import Coordinator
import Fleet
import Plan
import Runs

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks a manifest, and with --nodes its nodes, and reports every fault.",
    discussion: """
      Exit status 1 for faults in the manifest, or where it cannot be read; with --nodes, 2 where a \
      node cannot be reached or would break the run.
      """)

  @Argument(help: "The manifest; - reads standard input.")
  var file: String

  @Flag(help: "Ask every node for its facts; leaves nothing there.")
  var nodes = false

  @Option(help: "Of the facts: table or json.")
  var format = OutputFormat.table

  @Option(help: "Folder of the runs; default: `runs` beside the manifest.")
  var runs: String?

  mutating func run() async throws {
    let loaded = try ManifestFile(self.file)
    for note in loaded.notes { StandardStreams.say("note: \(note)") }
    guard self.nodes else { return StandardStreams.data(Self.summary(of: loaded.plan)) }
    let fleet = try FleetContext(loaded, runs: self.runs)
    let examined = try await Interruption.guarding(
      hint: "agents that nobody claims end by themselves"
    ) {
      let examined = try await fleet.examine()
      try Task.checkCancellation()
      return examined
    }
    let (answers, faults) = (examined.values, examined.faults)
    let findings = PreflightCheck.findings(fleet.plan, answers)
    switch self.format {
    case .table: StandardStreams.data(FactsTable.text(of: answers))
    case .json:
      StandardStreams.data(
        try PreflightDocument.json(answers, findings, unreachable: faults.map(\.node)) + "\n")
    }
    for finding in findings where !finding.isError { StandardStreams.tell(finding.folded) }
    let errors = findings.filter(\.isError).map(\.folded) + faults.folded()
    guard errors.isEmpty else { throw CommandFailure(.environment, errors) }
  }

  /// One line: `ok: 21 nodes, 4 services, 21 replicas`.
  static func summary(of plan: Plan) -> String {
    func count(_ number: Int, _ one: String, _ many: String) -> String {
      "\(number) \(number == 1 ? one : many)"
    }
    let replicas = plan.services.map(\.replicas.count).reduce(0, +)
    return "ok: " + count(plan.nodes.count, "node", "nodes") + ", "
      + count(plan.services.count, "service", "services") + ", "
      + count(replicas, "replica", "replicas") + "\n"
  }
}
