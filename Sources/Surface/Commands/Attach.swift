package import ArgumentParser
import Coordinator
import Fleet
import Health
import Plan

/// `muster attach`: follows the states of a run that is up.
package struct Attach: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    abstract: "Follow the states of the newest run's replicas until interrupted.",
    discussion: "A link that breaks is opened again; the run is not touched.")

  @OptionGroup var selection: RunSelection

  package init() {}

  package mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    let open = fleet.links(to: run.id)
    let attachment = try fleet.attachment(holding: false)
    let used = Set(run.plan.services.flatMap { $0.replicas.map(\.node) })
    let nodes = run.plan.nodes.filter { used.contains($0.name) }
    let journal = TimelineJournal(run)
    try await Interruption.guarding(hint: "the services run on; `muster down` stops them") {
      try await Notifier.during(fleet.notify, run: run.id) { notifier in
        await withTaskGroup(of: Void.self) { tasks in
          for node in nodes {
            tasks.addTask { await Self.follow(node, open, attachment, journal, notifier) }
          }
        }
      }
      try Task.checkCancellation()
    }
  }

  private static func follow(
    _ node: Plan.Node, _ open: @escaping OpenLink, _ attachment: Attachment,
    _ journal: TimelineJournal, _ notifier: Notifier?
  ) async {
    var lastWords = ""
    while !Task.isCancelled {
      do throws(NodeFault) {
        try await FleetCall.watch(node, open: open, attachment: attachment) { report in
          // The journal first: what is shown has been written.
          journal.see(.reached(node: node.name))
          journal.see(.reported(report))
          journal.write()
          notifier?.reported(report)
          let reason = report.reason.isEmpty ? "" : ": \(report.reason)"
          StandardStreams.talk("\(node.name): `\(report.key)` \(report.state.rawValue)\(reason)\n")
        }
      } catch {
        if Task.isCancelled { return }
        journal.see(.lost(error))
        journal.write()
        notifier?.faulted(error)
        if error.diagnostic.summary != lastWords {
          StandardStreams.talk("\(node.name): \(error.diagnostic.summary)\n")
          lastWords = error.diagnostic.summary
        }
        if error.kind != .unreachable { return }
      }
      try? await ContinuousClock().sleep(for: .seconds(1))
    }
  }
}
