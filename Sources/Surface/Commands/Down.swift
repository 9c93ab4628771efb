import ArgumentParser
import Coordinator
import Fleet
import Plan
import Runs

struct Down: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stop every replica of the newest run, with its whole process group, and prove it.")

  @OptionGroup var selection: RunSelection

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    let ending = try await fleet.end(run)
    for words in ending.foreign { StandardStreams.say(words) }
    let status = ExitStatus(ending)
    guard status == .success else {
      throw CommandFailure(status, ending.leftovers + ending.faults.folded())
    }
    let nodes = NodeSet(run.plan.nodes.map { NodeName($0.name) }).folded
    StandardStreams.say("run \(run.id): nothing is left on \(nodes)")
  }
}
