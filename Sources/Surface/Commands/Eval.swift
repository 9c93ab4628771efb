package import ArgumentParser
import Coordinator
import Fleet
import Plan
import Rollouts
import Runs
import Terminal

/// `muster eval`: shards rollouts of the simulator across the nodes and merges what comes back.
package struct Eval: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    abstract: "Shard rollouts of the simulator across the nodes, and merge them into one result.",
    discussion: """
      Every planned item is in merged/records.jsonl once, or in merged/missing.jsonl with its \
      reason and the exit status is 3. Killed or interrupted, `--resume` finishes the rest.
      """)

  @OptionGroup var selection: RunSelection
  @OptionGroup var work: WorkOptions

  @Option(help: "Nodes that work, as a node set; default: the manifest's, else all.")
  var nodes: String?

  @Flag(help: "Finish the newest unfinished eval of the same plan; report it if it is complete.")
  var resume = false

  @Option(name: .customLong("resume-run"), help: "Finish this run instead of the newest.")
  var resumeRun: String?

  @Flag(help: "Take the agents over from whoever holds them, also from one whose clock is ahead.")
  var takeOver = false

  @Option(help: "table or json.")
  var format = OutputFormat.table

  package init() {}

  package mutating func run() async throws {
    var fleet = try FleetContext(self.selection)
    fleet.plan.work = try self.work.settings(over: fleet.plan.work)
    let workers = try self.workers(of: fleet.plan)
    let run = try self.evalRun(fleet)
    // A merge, too, is one process's.
    try run.hold()
    let work = try WorkResult(of: run)
    if run.isFinished {
      let end = try work.conclude()
      if end.merge.isSettled {
        StandardStreams.say("eval \(run.id) is over already")
        return try CommandFailure.unless(self.print(end, of: work))
      }
    }
    let agents = try await run.agentRun(live: fleet)
    StandardStreams.say("eval \(run.id) on \(NodeSet(workers.map { NodeName($0.name) }).folded)")
    let clock = Composition.clock
    let dispatch = WorkRun(
      run: run.directory, workPlan: work.plan, plan: fleet.plan, nodes: workers,
      endsAgents: agents.isOurs,
      agents: try await fleet.agents(
        of: agents.id, holding: agents.plan,
        epoch: self.takeOver ? fleet.epoch(over: agents.id, on: workers) : nil,
        yields: !self.takeOver), clock: clock)
    let result = try await Interruption.guarding(
      hint: "`--resume` finishes it; what came in is kept in \(run.path)"
    ) {
      let printer = ProgressPrinter(width: StandardStreams.talkWidth, clock: clock)
      defer { printer.end() }
      let result = try await dispatch.carryOut(epoch: CoordinatorIdentity.nowMilliseconds) {
        printer.print($0)
      }
      try Task.checkCancellation()
      return result
    }
    run.record("dispatched", run.id, #"{"ending":"\#(result.ending.name)"}"#)
    for words in result.warnings { StandardStreams.say("warning: \(words)") }
    if case .held = result.ending, let refusal = result.refusal {
      throw CommandFailure(.environment, [refusal])
    }
    let end = Result { try work.conclude() }
    let status = end.map { self.print($0, of: work) }
    for words in await dispatch.endAgents(after: result) {
      StandardStreams.say("warning: \(words)")
    }
    if let refusal = result.refusal { throw CommandFailure(.failed, [refusal]) }
    // What was given up is nobody's to do any more: with it the eval is over, too. What the merge does
    // not have otherwise is not.
    if result.ending == .complete, try end.get().merge.isSettled { run.end() }
    try CommandFailure.unless(status.get())
  }

  private func workers(of plan: Plan) throws -> [Plan.Node] {
    if self.nodes == "*" { return plan.nodes }
    var nodes: NodeSet?
    if let expression = self.nodes {
      do throws(NodeSetError) {
        nodes = try NodeSet(parsing: expression)
      } catch {
        throw ValidationError("nodes `\(expression)`: \(error)")
      }
    }
    return try plan.workers(named: nodes)
  }

  private func evalRun(_ fleet: FleetContext) throws -> LiveRun {
    guard self.resume || self.resumeRun != nil else {
      return try fleet.newEval(try fleet.plan.work?.workPlan())
    }
    return try fleet.evalToResume(named: self.resumeRun)
  }

  private func print(
    _ end: (merge: MergeSummary, report: Report), of work: WorkResult
  ) -> ExitStatus {
    for words in end.merge.warnings { StandardStreams.say(words) }
    let report = end.report
    StandardStreams.data(self.format == .json ? report.json : ReportText.text(of: report))
    StandardStreams.say("merged: \(work.recordsPath)")
    return ExitStatus(end.merge)
  }
}
