import ArgumentParser
import Coordinator
import Fleet
import Health
import Launch
import Plan
import Runs
import Synchronization

struct Restart: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stop some replicas of the newest run, start them anew, and touch nothing else.",
    discussion: """
      They are started as the run's plan has it. One that fails is stopped and shown with its last \
      log lines; the others go on.
      """)

  @OptionGroup var selection: RunSelection

  @Argument(help: "A service, one of its replicas as SERVICE/INDEX, or a set of nodes.")
  var subject: String

  mutating func run() async throws {
    var fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRunForRestart()
    // Its secrets, and not those of a manifest that was changed meanwhile.
    fleet.plan = run.plan
    let replicas = try run.plan.replicas(named: self.subject)
    let agents = try fleet.agents(
      of: run.id, holding: run.plan, yields: true, secrets: try fleet.secrets())
    try await Interruption.guarding(hint: "`muster up` starts what does not run") {
      try await Self.restart(replicas, of: run, agents)
    }
  }

  private static func restart(
    _ replicas: Set<ReplicaKey>, of run: LiveRun, _ agents: AgentConnector
  ) async throws {
    let clock = Composition.clock
    let began = clock.now
    let plan = run.plan.only(replicas)
    StandardStreams.say("run \(run.id): restarting \(Self.fold(replicas, of: plan))")
    let stopped = await agents.stop(replicas, of: plan)
    try Task.checkCancellation()
    let ending = RunEnding(restarting: stopped)
    // What has been stopped is started, whatever is wrong elsewhere.
    let nodes = Set(stopped.answers.filter { $0.answer.leftovers.isEmpty }.map(\.node.name))
    let gone = replicas.filter { key in
      plan.only([key]).nodes.allSatisfy { nodes.contains($0.name) }
    }
    let told = Mutex<Set<ReplicaKey>>([])
    let result = await ReplicaRestart(
      plan: plan, connector: agents, clock: clock,
      settings: .init(attachTimeout: .seconds(60), reportGrace: .seconds(30))
    ) { event in
      run.record(event)
      guard case .reported(let report) = event, report.startedBy == agents.epoch,
        report.state == .ready, told.withLock({ $0.insert(report.key).inserted })
      else { return }
      let elapsed = LaunchNarrator.seconds(clock.now - began)
      StandardStreams.say("[\(elapsed)] `\(report.key)` ready on \(report.node)")
    }.start(gone)
    try Task.checkCancellation()
    let status = ExitStatus(ending, then: result)
    guard status == .success else {
      throw CommandFailure(status, ending.leftovers + ending.faults.folded() + result.reasons)
    }
    StandardStreams.say("restarted in \(LaunchNarrator.seconds(clock.now - began))")
  }

  private static func fold(_ replicas: Set<ReplicaKey>, of plan: Plan) -> String {
    let nodes = NodeSet(plan.nodes.map { NodeName($0.name) }).folded
    guard replicas.count > 4 else {
      return replicas.sorted().map { "`\($0)`" }.joined(separator: ", ") + " on \(nodes)"
    }
    return "\(replicas.count) replicas on \(nodes)"
  }
}
