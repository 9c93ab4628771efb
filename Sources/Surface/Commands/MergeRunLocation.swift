import ArgumentParser
import Rollouts
import RunStore

/// Which run a command is about.
struct MergeRunLocation: ParsableArguments {
  @Argument(help: "A run's folder, its id, or a name for the newest run of that name.")
  var run: String

  @Option(help: "The folder of all runs.")
  var runs = "runs"

  /// The run and its work plan, which it must have.
  func found() throws(RunStoreError) -> (RunDirectory, WorkPlan) {
    let run = try RunList(root: self.runs).run(self.run)
    guard let plan = try run.workPlan() else {
      throw .damaged(path: run.workPlanPath, reason: "this run has no work")
    }
    return (run, plan)
  }
}
