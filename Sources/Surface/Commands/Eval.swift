package import ArgumentParser
import Coordinator
import Fleet
import Glibc
import Manifest
import Plan
import Rollouts
import RunStore
import Runs
import Synchronization
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

  @Option(help: "Each episode waits so long, such as 5ms: stands for a model's answer.")
  var episodeCost: EpisodeCost = EpisodeCost(duration: .zero)

  @Option(help: "table or json.")
  var format = OutputFormat.table

  package init() {}

  package mutating func run() async throws {
    var fleet = try FleetContext(self.selection)
    fleet.plan.work = self.work.settings(over: fleet.plan.work)
    let workers = try self.workers(of: fleet.plan)
    let run = try self.evalRun(fleet)
    if run.directory.isFinished {
      StandardStreams.say("eval \(run.id) is complete already")
      return try self.publish(run, try run.workPlan())
    }
    let holder = CoordinatorIdentity.name
    let lock: RunLock
    do throws(RunStoreError) {
      lock = try RunLock(run.directory, holder: holder)
    } catch {
      throw CommandFailure(.environment, [error.diagnostic])
    }
    let agentRun = try run.agentRun(live: fleet)
    StandardStreams.say("eval \(run.id) on \(NodeSet(workers.map { NodeName($0.name) }).folded)")
    let plan = try run.workPlan()
    let attachment = try fleet.attachment(holding: true)
    let links = fleet.links(to: agentRun)
    let (cost, width) = (self.episodeCost.duration, Self.terminalWidth)
    // Agents that were started for this work alone end with it, on the links that they worked on.
    let areOurs = agentRun == run.id
    let (stopTimeout, ended) = (fleet.plan.stopTimeout, EndedNodes())
    let result = try await Interruption.guarding(
      hint: "`--resume` finishes it; what came in is kept in \(run.directory.path)"
    ) {
      let clock = ContinuousClock()
      let printer = ProgressPrinter(width: width, clock: clock)
      let work = WorkRun(
        run: run.directory, workPlan: plan, nodes: workers, open: links, attachment: attachment,
        clock: clock
      ) { session in
        guard areOurs, await session.stopAndEnd(timeout: stopTimeout).leftovers.isEmpty else {
          return
        }
        ended.insert(session.node.name)
      }
      let result = try await work.carryOut(
        episodeCost: cost, epoch: CoordinatorIdentity.nowMilliseconds
      ) { printer.print($0) }
      printer.end()
      try Task.checkCancellation()
      return result
    }
    run.record("dispatched", run.id, #"{"ending":"\#(result.ending)"}"#)
    try self.publish(run, plan)
    self.warn(of: result)
    _ = consume lock
    if areOurs {
      let rest = workers.filter { !ended.contains($0.name) }
      await self.endAgents(
        fleet, rest, keepsRecords: result.ending != .complete, links, attachment)
    }
    if result.ending != .complete { throw CommandFailure(.incomplete) }
    run.end()
  }

  // MARK: Steps

  private func workers(of plan: Plan) throws -> [Plan.Node] {
    let expression: String
    if let nodes = self.nodes {
      expression = nodes
    } else if let named = plan.work?.nodes, !named.isEmpty {
      expression = named.joined(separator: ",")
    } else {
      return plan.nodes
    }
    if expression == "*" { return plan.nodes }
    let wanted: NodeSet
    do {
      wanted = try NodeSet(parsing: expression)
    } catch {
      throw ValidationError("nodes `\(expression)`: \(error)")
    }
    let found = plan.nodes.filter { wanted.contains(NodeName($0.name)) }
    guard found.count == wanted.count else {
      throw CommandFailure(
        .failed,
        [
          Diagnostic(
            code: "unknown-node", "not every node of `\(expression)` is in the manifest",
            hints: ["it has \(NodeSet(plan.nodes.map { NodeName($0.name) }).folded)"])
        ])
    }
    return found
  }

  private func evalRun(_ fleet: FleetContext) throws -> LiveRun {
    guard self.resume || self.resumeRun != nil else {
      return try fleet.newRun(workPlan: try fleet.plan.workPlan())
    }
    return try fleet.evalToResume(named: self.resumeRun)
  }

  /// Merges what came in and prints the report.
  private func publish(_ run: LiveRun, _ plan: WorkPlan) throws {
    let report = try RunFault.storing {
      let summary = try MergeWriter(run: run.directory, plan: plan).merge()
      for damage in summary.damaged {
        StandardStreams.say("warning: \(damage); what is before it was used")
      }
      return try ReportReader.report(of: run.directory, plan: plan)
    }
    switch self.format {
    case .table: StandardStreams.data(ReportText.text(of: report))
    case .json: StandardStreams.data(report.json)
    }
    StandardStreams.say("merged: \(run.directory.mergedPath)/records.jsonl")
  }

  /// Names the nodes that could not be used to the end.
  private func warn(of result: DispatchResult) {
    for node in result.progress.nodes {
      switch node.state {
      case .connected: break
      case .unreachable(let reason) where result.ending != .complete && !reason.isEmpty:
        StandardStreams.say("warning: \(node.name): \(reason)")
      case .unreachable: break
      case .cutOff(let reason):
        StandardStreams.say("warning: \(node.name) was cut off: \(reason)")
      }
    }
  }

  /// Ends the agents that could not be ended on the links they worked on.
  private func endAgents(
    _ fleet: FleetContext, _ nodes: [Plan.Node], keepsRecords: Bool, _ links: @escaping OpenLink,
    _ attachment: Attachment
  ) async {
    let results = await FleetCall.stop(
      nodes, of: fleet.plan, keepsRecords: keepsRecords, open: links, attachment: attachment)
    for (node, result) in results {
      switch result {
      case .success(let remains) where remains.leftovers.isEmpty: break
      case .success(let remains):
        let words = remains.leftovers.joined(separator: "; ")
        StandardStreams.say("warning: \(node.name): left behind: \(words)")
      case .failure(let fault):
        StandardStreams.say("warning: \(node.name): \(fault.diagnostic.summary)")
      }
    }
  }

  /// Columns of the terminal that standard error is; `nil` where it is none.
  private static var terminalWidth: Int? {
    guard isatty(STDERR_FILENO) == 1 else { return nil }
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}

/// The nodes whose agents are proven gone.
private final class EndedNodes: Sendable {
  private let names = Mutex<Set<String>>([])

  func insert(_ name: String) {
    self.names.withLock { _ = $0.insert(name) }
  }

  func contains(_ name: String) -> Bool {
    self.names.withLock { $0.contains(name) }
  }
}

/// A time such as `5ms`, `250us`, `1.5s`; at most an hour.
struct EpisodeCost: ExpressibleByArgument {
  var duration: Duration

  init(duration: Duration) {
    self.duration = duration
  }

  init?(argument: String) {
    let units: [(String, Double)] = [("us", 1e-6), ("ms", 1e-3), ("s", 1)]
    guard let (suffix, scale) = units.first(where: { argument.hasSuffix($0.0) }),
      let number = Double(argument.dropLast(suffix.count)), number >= 0, number * scale <= 3600
    else { return nil }
    self.duration = .seconds(number * scale)
  }

  var defaultValueDescription: String { "0s" }
}
