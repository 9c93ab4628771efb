import ArgumentParser
import Coordinator
import Fleet
import Plan
import Runs

struct Down: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stop every replica of the newest run, with its whole process group, and prove it.",
    discussion: """
      Takes the run over from whoever holds it. Where there is no folder of it here, and the nodes \
      know several runs, each of them is ended.
      """)

  @OptionGroup var selection: RunSelection

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let (runs, faults) = try await fleet.liveRunsToEnd()
    var failure = faults.map { CommandFailure(ExitStatus($0.cause), $0.diagnostics) }
    for run in runs {
      let ending = try await fleet.end(run)
      for words in ending.foreign { StandardStreams.say(words) }
      let status = ExitStatus(ending)
      if status == .success {
        let nodes = NodeSet(run.plan.nodes.map { NodeName($0.name) }).folded
        StandardStreams.say("run \(run.id): nothing is left on \(nodes)")
      } else {
        failure.append(CommandFailure(status, ending.diagnostics))
      }
    }
    // The first status in the table of README.md says most.
    guard let worst = failure.map(\.status).min(by: { $0.rawValue < $1.rawValue }) else { return }
    throw CommandFailure(worst, failure.flatMap(\.diagnostics))
  }
}
