import ArgumentParser
import Coordinator
import Fleet
import FleetView
import Plan
import Runs
import Synchronization

struct Up: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring the services of a manifest up, in order, and wait until they are ready.",
    discussion: """
      A launch is all or nothing: if one replica fails, what was started is stopped again and the \
      reason is shown with the replica's last log lines. Interrupting it leaves everything running.
      """)

  @OptionGroup var selection: RunSelection

  @Option(help: "Seconds within which every node must answer.")
  var connectTimeout = 60

  @Flag(help: "Start without a look at the nodes.")
  var skipPreflight = false

  @Flag(help: "Take the run over from whoever holds it, also from one whose clock is ahead.")
  var takeOver = false

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    guard !fleet.plan.services.isEmpty else {
      throw CommandFailure(
        .failed, code: "no-services", "the manifest has no `services:`",
        hints: ["`muster eval` needs none; add one to launch it"])
    }
    let secrets = try fleet.secrets()
    let limit = self.connectTimeout
    let run = try await Interruption.guarding(hint: "nothing was started") {
      try await fleet.liveRunForLaunch(within: .seconds(limit), clock: Composition.clock)
    }
    // Another terminal may be launching the same: it is not disturbed.
    let agents = try await fleet.agents(
      of: run.id, holding: fleet.plan,
      epoch: self.takeOver ? fleet.epoch(over: run.id, on: fleet.plan.nodes) : nil,
      yields: !self.takeOver, secrets: secrets)
    // What runs already is never ended for what a look at its node finds.
    let settings = LaunchMachine<ContinuousClock.Instant>.Settings(
      attachTimeout: .seconds(self.connectTimeout), reportGrace: .seconds(30),
      refusesFindings: !run.hasStarted)
    let now = self.skipPreflight ? nil : fleet.surroundings.milliseconds
    StandardStreams.say("run \(run.id)")
    try await Interruption.guarding(hint: "what was started runs on; see `muster status`") {
      let clock = Composition.clock
      let began = clock.now
      let narrator = Mutex(LaunchNarrator(plan: fleet.plan))
      let result = try await Notifier.during(
        fleet.notify, run: run.id, clock: clock, tell: fleet.surroundings.tell
      ) { notifier in
        await ServiceLauncher(
          plan: fleet.plan, connector: agents, clock: clock, settings: settings, now: now
        ) { event in
          // The journal first: what is shown has been written.
          run.record(event)
          let elapsed = clock.now - began
          for word in narrator.withLock({ $0.words(for: event, elapsed: elapsed) }) {
            switch word {
            case .line(let line): StandardStreams.say(line)
            case .diagnostic(let diagnostic): StandardStreams.tell(diagnostic)
            }
          }
          notifier?.observed(event)
        }.launch()
      }
      try Task.checkCancellation()
      guard result.reasons.isEmpty else {
        // Whoever took it from us is done with it already.
        if run.isFinished { throw CommandFailure(.failed, [.endedElsewhere]) }
        if result.isOver { run.end() }
        throw CommandFailure(ExitStatus(result.culprit), result.reasons)
      }
      StandardStreams.say("up in \(LaunchNarrator.seconds(clock.now - began))")
    }
  }
}
