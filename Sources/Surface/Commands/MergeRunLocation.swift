import ArgumentParser
import Runs

/// Which run a command is about.
struct MergeRunLocation: ParsableArguments {
  @Argument(help: "A run's folder, its id, or a name for the newest run of that name.")
  var run: String

  @Option(help: "The folder of all runs.")
  var runs = "runs"

  /// The run's work, which it must have.
  func found() throws(RunFault) -> WorkResult { try WorkResult(ofRun: self.run, in: self.runs) }
}
