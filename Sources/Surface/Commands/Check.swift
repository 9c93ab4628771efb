package import ArgumentParser
import Coordinator
import Fleet
package import Plan
import RunStore

/// `muster check`: all faults of a manifest and, if asked, of its nodes.
package struct Check: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
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

  package init() {}

  package mutating func run() async throws {
    let loaded = try ManifestFile(self.file)
    for note in loaded.notes { StandardStreams.talk("note: \(note)\n") }
    guard self.nodes else { return StandardStreams.data(Self.summary(of: loaded.plan)) }
    let fleet = try FleetContext(loaded, runs: self.runs)
    let (answers, faults) = try await self.examine(fleet)
    let findings = PreflightCheck.findings(fleet.plan, answers)
    switch self.format {
    case .table: StandardStreams.data(FactsTable.text(of: answers))
    case .json:
      StandardStreams.data(
        try PreflightDocument.json(answers, findings, unreachable: faults.map(\.node)) + "\n")
    }
    for finding in findings where !finding.isError { StandardStreams.tell(finding.folded) }
    let errors = findings.filter(\.isError).map(\.folded) + faults.folded()
    guard errors.isEmpty else { throw CommandFailure(status: 2, errors) }
  }

  /// By the agents of the live run, whose own processes are then known; else by some of a run that
  /// ends with the question.
  private func examine(
    _ fleet: FleetContext
  ) async throws -> (answers: [PreflightAnswer], faults: [NodeFault]) {
    let live = try fleet.liveRunIfAny()
    var generator = SystemRandomNumberGenerator()
    let now = Int64(CoordinatorIdentity.nowMilliseconds)
    let run = live?.id ?? RunID(milliseconds: now, using: &generator).rawValue
    let attachment = try fleet.attachment(holding: live == nil)
    let plan = fleet.plan
    return try await Interruption.guarding(hint: "agents that nobody claims end by themselves") {
      let results = await FleetCall.examine(
        plan, plan.nodes, open: fleet.links(to: run), attachment: attachment,
        endsAgents: live == nil
      ) { Int64(CoordinatorIdentity.nowMilliseconds) }
      try Task.checkCancellation()
      var (answers, faults): ([PreflightAnswer], [NodeFault]) = ([], [])
      for (_, result) in results {
        switch result {
        case .success(let answer):
          answers.append(answer)
          live?.record("facts", answer.node, (try? PreflightDocument.json(answer)) ?? "{}")
        case .failure(let fault): faults.append(fault)
        }
      }
      return (answers, faults)
    }
  }

  /// One line: `ok: 21 nodes, 4 services, 21 replicas`.
  package static func summary(of plan: Plan) -> String {
    func count(_ number: Int, _ one: String, _ many: String) -> String {
      "\(number) \(number == 1 ? one : many)"
    }
    let replicas = plan.services.map(\.replicas.count).reduce(0, +)
    return "ok: " + count(plan.nodes.count, "node", "nodes") + ", "
      + count(plan.services.count, "service", "services") + ", "
      + count(replicas, "replica", "replicas") + "\n"
  }
}
