import ArgumentParser
import Coordinator
import Fleet
import FleetView
import Health
import Runs
import Synchronization

struct Attach: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Follow the states of the newest run's replicas until interrupted.",
    discussion: "A link that breaks is opened again; the run is not touched.")

  @OptionGroup var selection: RunSelection

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    let watch = try RunWatch(fleet, run, every: nil, clock: Composition.clock)
    let words = AttachWords()
    try await Interruption.guarding(hint: "the services run on; `muster down` stops them") {
      try await watch.during(
        notify: fleet.notify,
        see: { sight in
          guard let line = words.line(for: sight) else { return }
          // The journal first: what is shown has been written.
          watch.writeJournal()
          StandardStreams.say(line)
        }, Interruption.untilCancelled)
    }
  }
}

/// What is said of what a watch learns: each state, and each fault of a node once.
final class AttachWords: Sendable {
  private let lastFaults = Mutex<[String: String]>([:])

  func line(for sight: FleetSight) -> String? {
    switch sight {
    case .reported(let report):
      let reason = report.reason.isEmpty ? "" : ": \(report.reason)"
      return "\(report.node): `\(report.key)` \(report.state.rawValue)\(reason)"
    case .lost(let fault):
      let words = fault.diagnostic.summary
      let before = self.lastFaults.withLock { $0.updateValue(words, forKey: fault.node) }
      return words == before ? nil : "\(fault.node): \(words)"
    case .reached, .happened, .scraped: return nil
    }
  }
}
