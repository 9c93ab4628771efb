import ArgumentParser
import Coordinator
import Fleet
import Plan
import Runs
import Terminal

/// `muster links`: opens a link to every node at once, and says who answers. Not in the help: it is
/// for `scripts/bench/fanout`, and for looking at a fleet whose links are in doubt.
struct LinksCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "links", abstract: "Open a link to every node and start its daemon.",
    shouldDisplay: false)

  @OptionGroup var selection: RunSelection

  @Option(help: "Name of the run whose daemons are started.")
  var run = "links"

  @Flag(help: "End the daemons instead.")
  var end = false

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let faults =
      self.end
      ? try await fleet.agents(of: self.run, holding: fleet.plan).stop(
        fleet.plan.nodes, of: fleet.plan
      )
      .faults
      : try await self.openLinks(fleet)
    guard faults.isEmpty else { throw CommandFailure(.environment, faults.folded()) }
  }

  private func openLinks(_ fleet: FleetContext) async throws -> [NodeFault] {
    let clock = Composition.clock
    let start = clock.now
    let survey = try await fleet.agents(of: self.run).survey(fleet.plan.nodes)
    let elapsed = clock.now - start
    var table = Table([
      .init("NODE"), .init("HOST"), .init("PID", .right), .init("STARTED", .right),
    ])
    for (node, answer) in survey.answers {
      table.append([
        node.name, answer.hostName, "\(answer.processID)", "\(answer.startedAtMilliseconds)",
      ])
    }
    StandardStreams.data(table.rendered())
    let milliseconds = Int(elapsed / .milliseconds(1))
    StandardStreams.say("\(survey.answers.count) links in \(milliseconds) ms")
    return survey.faults
  }
}
