import ArgumentParser
import Fleet
import Glibc
import RecordFiles
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

extension RunStoreError {
  /// As a person is told.
  var diagnostic: Diagnostic {
    switch self {
    case .file(let fault):
      Diagnostic(
        code: "file", "cannot \(fault.operation) `\(fault.path)`",
        causes: [String(cString: strerror(fault.errno))])
    case .locked(let path, let holder):
      Diagnostic(
        code: "run-locked", "another process works on this run: `\(holder)`",
        causes: ["it holds `\(path)`"], hints: ["wait until it ends, or end it"])
    case .noRun(let reference):
      Diagnostic(
        code: "no-run", "there is no run `\(reference)`",
        hints: ["name a run's folder, or its root with `--runs`"])
    case .damaged(let path, let reason):
      Diagnostic(
        code: "run-damaged", "`\(path)`: \(reason)",
        hints: ["`muster merge RUN` makes the result anew from the records"])
    case .journal(let path, let reason):
      Diagnostic(
        code: "journal", "the journal `\(path)` refuses", causes: [reason],
        hints: ["`muster status` and `muster down` need no journal: they ask the nodes"])
    }
  }
}
