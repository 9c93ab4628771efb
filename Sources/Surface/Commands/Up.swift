package import ArgumentParser
import Coordinator
import Fleet
import Plan

/// `muster up`: brings a manifest's services up and waits until they are ready.
package struct Up: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
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

  package init() {}

  package mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    guard !fleet.plan.services.isEmpty else {
      throw CommandFailure(
        status: 1,
        [
          Diagnostic(
            code: "no-services", "the manifest has no `services:`",
            hints: ["`muster eval` needs none; add one to launch it"])
        ])
    }
    let secrets = try fleet.secrets()
    let isNew = try fleet.liveRunIfAny() == nil
    let run = try fleet.liveRunForLaunch()
    // What runs already is never ended for what a look at its node finds.
    let preflight =
      self.skipPreflight
      ? nil : LaunchPreflight(refuses: isNew) { Int64(CoordinatorIdentity.nowMilliseconds) }
    let timeout = self.connectTimeout
    // Another terminal may be launching the same: it is not disturbed.
    let attachment = try fleet.attachment(holding: true, yields: true, secrets: secrets)
    StandardStreams.talk("run \(run.id)\n")
    try await Interruption.guarding(hint: "what was started runs on; see `muster status`") {
      let clock = ContinuousClock()
      let began = clock.now
      let narrator = Narration(LaunchNarrator(plan: fleet.plan))
      let result = try await Notifier.during(fleet.notify, run: run.id) { notifier in
        let launcher = ServiceLauncher(
          plan: fleet.plan,
          connector: AgentConnector(open: fleet.links(to: run.id), attachment: attachment),
          clock: clock,
          settings: .init(attachTimeout: .seconds(timeout), reportGrace: .seconds(30)),
          preflight: preflight
        ) { event in
          // The journal first: what is shown has been written.
          run.record(event)
          StandardStreams.talk(await narrator.lines(for: event, elapsed: clock.now - began))
          notifier?.observed(event)
        }
        return await launcher.launch()
      }
      let reasons = result.reasons
      try Task.checkCancellation()
      guard reasons.isEmpty else {
        if result.isOver { run.end() }
        throw CommandFailure(status: Self.exitStatus(for: reasons), reasons)
      }
      let elapsed = LaunchNarrator.seconds(clock.now - began)
      StandardStreams.talk("up in \(elapsed)\n")
    }
  }

  /// 1 when a service is the reason, 2 when nodes are.
  private static func exitStatus(for reasons: [Diagnostic]) -> Int32 {
    let isService = reasons.contains {
      $0.code.hasPrefix("replica-") || $0.code == "service-late"
    }
    return isService ? 1 : 2
  }
}

/// A narrator that several tasks may tell of events.
actor Narration {
  private var narrator: LaunchNarrator

  init(_ narrator: LaunchNarrator) {
    self.narrator = narrator
  }

  func lines(for event: LaunchEvent, elapsed: Duration) -> String {
    self.narrator.lines(for: event, elapsed: elapsed)
  }
}
