package import ArgumentParser
import Coordinator
import Fleet
import Glibc
import Plan
import Recipes
import RunStore
import SSH

/// `muster collect`: what somebody else needs to find a fault, in one file, without its secrets.
package struct Collect: AsyncParsableCommand {
  /// Of each replica.
  private static let logLineCount = 200

  package static let configuration = CommandConfiguration(
    abstract: "Pack what a report of a fault needs into one file, without secrets.",
    discussion: """
      The plan, the journal, the present states, what the nodes have noted, the last lines of each \
      log, and versions. Taken out are the values of the manifest's secrets that are in the \
      environment, and what has the shape of a token or password; names of users and hosts stay. \
      Look at it before you pass it on.
      Exit status: 2 a node does not answer; what is known without it is packed all the same.
      """)

  @OptionGroup var selection: RunSelection

  @Option(help: "The file; default: NAME-RUN.tar.gz here.")
  var output: String?

  package init() {}

  package mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveOrLatestRun()
    let name = "\(run.plan.name)-\(run.id)"
    let bundle = try Bundle(
      path: ManifestFile.absolute(self.output ?? "\(name).tar.gz"), name: name,
      redact: { SecretShapes.redact(run.redact($0)) })
    defer { bundle.removeParts() }
    try bundle.add(
      "plan.json", String(decoding: Self.plain(run.plan).canonicalJSON(), as: UTF8.self))
    try bundle.add("versions.txt", try Self.versions())
    let journal = try storing { try run.events() }
    try bundle.add("journal.jsonl", journal.map { Self.line($0) }.joined())
    let facts = journal.filter { $0.kind == "facts" }
    if !facts.isEmpty { try bundle.add("facts.jsonl", facts.map { Self.line($0) }.joined()) }
    var faults: [NodeFault] = []
    // Asking the nodes of a run that is over would start agents for it again.
    if !run.directory.isFinished { faults = try await Self.ask(fleet, run, into: bundle) }
    try bundle.pack()
    StandardStreams.data("\(bundle.path)\n")
    guard faults.isEmpty else { throw CommandFailure(status: 2, faults.folded()) }
  }

  /// Adds what the nodes say: states, events and logs.
  private static func ask(
    _ fleet: FleetContext, _ run: LiveRun, into bundle: Bundle
  ) async throws -> [NodeFault] {
    let open = fleet.links(to: run.id)
    let attachment = try fleet.attachment(holding: false)
    let answers = await FleetCall.events(run.plan.nodes, open: open, attachment: attachment)
    var faults: [NodeFault] = []
    var events = ""
    for (_, result) in answers {
      switch result {
      case .success(let chronicle): events += chronicle.events.map { Self.line($0) }.joined()
      case .failure(let fault): faults.append(fault)
      }
    }
    let survey = answers.map { ($0.node, $0.result.map(\.survey)) }
    try bundle.add("states.json", StatusReport(plan: run.plan, survey).json(run: run.id))
    try bundle.add("events.jsonl", events)
    let silent = Set(faults.map(\.node))
    for service in run.plan.services {
      for replica in service.replicas where !silent.contains(replica.node) {
        guard let node = run.plan.nodes.first(where: { $0.name == replica.node }) else { continue }
        let key = ReplicaKey(service: service.name, index: replica.index)
        let text = TextPieces()
        do {
          try await FleetCall.log(
            of: key, on: node, lastLineCount: Self.logLineCount, follow: false, open: open,
            attachment: attachment
          ) { text.append($0) }
        } catch {
          text.append(Array("no log: \(error.diagnostic.summary)\n".utf8))
        }
        try bundle.add("log-\(key.service)-\(key.index).txt", text.text)
      }
    }
    return faults
  }

  /// The plan without the values of variables whose name says that they are secrets.
  private static func plain(_ plan: Plan) -> Plan {
    var plan = plan
    for service in plan.services.indices {
      for replica in plan.services[service].replicas.indices {
        var environment = plan.services[service].replicas[replica].launch.environment
        for index in environment.indices
        where SecretShapes.isSecret(variable: environment[index].name) {
          environment[index].value = SecretShapes.mark
        }
        plan.services[service].replicas[replica].launch.environment = environment
      }
    }
    return plan
  }

  private static func versions() throws -> String {
    var text = "muster \(Muster.configuration.version)\n"
    text += "libssh2 \(LibSSH2Session.libraryVersion)\n"
    text += "agent \(try AgentLocation.path())\n"
    text += "system \(ManifestFile.text(of: "/proc/version") ?? "unknown\n")"
    return text
  }

  private static func line(_ event: JournalEvent) -> String {
    JSONText.object([
      ("milliseconds", .integer(Int(event.milliseconds))), ("kind", .string(event.kind)),
      ("subject", .string(event.subject)), ("detail", .string(event.detail)),
    ]).text + "\n"
  }

  private static func line(_ event: ChainEvent) -> String {
    JSONText.object([
      ("milliseconds", .integer(Int(event.milliseconds))), ("node", .string(event.node)),
      ("replica", event.replica.map { .string("\($0)") } ?? .null), ("what", .string(event.what)),
      ("reason", .string(event.reason)),
    ]).text + "\n"
  }
}
