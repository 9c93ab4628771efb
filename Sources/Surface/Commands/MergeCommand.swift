import ArgumentParser
import Rollouts
import Runs

/// `muster merge RUN`: merges what a run has, again or for the first time.
struct MergeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merges a run's records into one result, every planned item once.",
    discussion: "Exit status 3 when items are missing: merged/missing.jsonl has their reasons.")

  @OptionGroup var location: MergeRunLocation

  func run() async throws {
    let work = try self.location.found()
    let lock = try work.lock(holder: CoordinatorIdentity.name)
    let merge = try work.merge()
    _ = consume lock
    for words in merge.warnings { StandardStreams.say(words) }
    StandardStreams.data("\(work.recordsPath)\n")
    StandardStreams.say(merge.line)
    try CommandFailure.unless(ExitStatus(merge))
  }
}

/// Which run a command is about.
struct MergeRunLocation: ParsableArguments {
  @Argument(help: "A run's folder, its id, or a name for the newest run of that name.")
  var run: String

  @Option(help: "The folder of all runs.")
  var runs = "runs"

  /// The run's work, which it must have.
  func found() throws(RunFault) -> WorkResult { try WorkResult(ofRun: self.run, in: self.runs) }
}
