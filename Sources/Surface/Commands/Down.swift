package import ArgumentParser
import Coordinator
import Fleet
import Plan

/// `muster down`: stops a run's services and proves that nothing of them is left.
package struct Down: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    abstract: "Stop every replica of the newest run, with its whole process group, and prove it.")

  @OptionGroup var selection: RunSelection

  package init() {}

  package mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    // What happened while nobody watched is known to the agents alone, which end here.
    let journal = TimelineJournal(run)
    let results = await FleetCall.stop(
      run.plan.nodes, of: run.plan, open: fleet.links(to: run.id),
      attachment: try fleet.attachment(holding: true)
    ) { chronicle in
      for event in chronicle.events { journal.see(.happened(event)) }
      for report in chronicle.survey.reports { journal.see(.reported(report)) }
    }
    journal.write()
    var faults: [NodeFault] = []
    var leftovers: [Diagnostic] = []
    for (node, result) in results {
      switch result {
      case .success(let remains):
        for words in remains.foreign { StandardStreams.talk("\(node.name): \(words)\n") }
        guard !remains.leftovers.isEmpty else { continue }
        leftovers.append(
          Diagnostic(
            code: "left-behind", "\(node.name): not everything is gone",
            causes: remains.leftovers, hints: ["run `muster down` again"]))
      case .failure(let fault): faults.append(fault)
      }
    }
    guard faults.isEmpty, leftovers.isEmpty else {
      throw CommandFailure(status: leftovers.isEmpty ? 2 : 1, leftovers + faults.folded())
    }
    run.end()
    let nodes = NodeSet(run.plan.nodes.map { NodeName($0.name) }).folded
    StandardStreams.talk("run \(run.id): nothing is left on \(nodes)\n")
  }
}
