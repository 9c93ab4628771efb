package import Coordinator
package import Fleet
import Health
package import Launch
package import Plan

/// What `muster why` says: the chain of events, and the last lines of what failed.
package struct WhyReport: Sendable {
  package let chain: EventChain
  package let present: [ReplicaStanding]
  package let faults: [NodeFault]
  /// Of each replica that has failed.
  package let failures: [(key: ReplicaKey, node: String, lines: [String])]

  package init(
    subject: ChainSubject, plan: Plan, journal written: [ChainEvent],
    answers: [(node: Plan.Node, result: Result<NodeChronicle, NodeFault>)], nowMilliseconds: Int64
  ) {
    let (chronicles, faults) = NodeFault.parted(answers)
    var agents = chronicles.flatMap(\.events)
    self.faults = faults
    self.present = plan.standings(chronicles.flatMap(\.survey.reports)).filter(subject.isAbout)
    let past = EventChain(of: subject, in: plan, journal: written, agents: agents)
    for report in self.present.compactMap(\.report)
    where past.lastState(of: report.key)?.what != report.state.rawValue {
      // What the agent no longer has as an event, or never had.
      var event = ChainEvent(report)
      event.logLines = []
      agents.append(event)
    }
    for fault in faults {
      let since = past.unreachableSince(fault.node).map { " since \(ChainEvent.time($0))" } ?? ""
      agents.append(
        ChainEvent(
          milliseconds: nowMilliseconds, node: fault.node, what: "unreachable\(since)",
          reason: fault.diagnostic.summary))
    }
    self.chain = EventChain(of: subject, in: plan, journal: written, agents: agents)
    let failed = self.present.filter { $0.report?.lastLogLines.isEmpty == false }
    self.failures =
      failed.isEmpty
      ? self.chain.failures : failed.map { ($0.key, $0.node, $0.report?.lastLogLines ?? []) }
  }

  package func json(run: String, next: NextStep) -> JSONText {
    let events = self.chain.events.map { event in
      JSONText.object(
        event.members(naming: "state") + [
          ("count", .integer(event.count)),
          ("last_milliseconds", .integer(Int(event.lastMilliseconds))),
        ])
    }
    let present = self.present.map { replica in
      JSONText.object([
        ("service", .string(replica.key.service)), ("index", .integer(replica.key.index)),
        ("node", .string(replica.node)), ("state", JSONText(replica.report?.state.rawValue)),
      ])
    }
    let logs = self.failures.map { failure in
      JSONText.object([
        ("service", .string(failure.key.service)), ("index", .integer(failure.key.index)),
        ("node", .string(failure.node)), ("lines", .array(failure.lines.map { .string($0) })),
      ])
    }
    return .object([
      ("run", .string(run)), ("events", .array(events)), ("present", .array(present)),
      ("unreachable", .array(self.faults.map { .string($0.node) })), ("logs", .array(logs)),
      ("next", .object([("command", .string(next.command)), ("reason", .string(next.reason))])),
    ])
  }
}

/// What a person should do next about a subject: one command, and why.
package struct NextStep: Equatable, Sendable {
  package var command: String
  package var reason: String

  /// - Parameters:
  ///   - manifest: As the user named it.
  ///   - isOver: The run has ended; nothing of it is on the nodes.
  ///   - unreachable: Nodes that did not answer just now.
  ///   - chain: For hardware errors.
  package init(
    manifest: String, isOver: Bool, replicas: [ReplicaStanding], unreachable: [String],
    chain: EventChain
  ) {
    let file = ShellQuoting.quote(manifest)
    func first(_ states: ReplicaPhase?...) -> ReplicaKey? {
      replicas.first { states.contains($0.report?.state) }?.key
    }
    (self.command, self.reason) =
      if isOver {
        ("muster up \(file)", "the run has ended, and nothing of it is left")
      } else if !unreachable.isEmpty {
        (
          "muster check --nodes \(file)",
          "\(NodeSet(unreachable.map { NodeName($0) }).folded) does not answer; its last word stands"
        )
      } else if chain.events.contains(where: { $0.what == "xid" }) {
        ("muster check --nodes \(file)", "a GPU's driver has told of an error")
      } else if let key = first(.failed) {
        ("muster logs \(file) \(key) -n 200", "`\(key)` has failed")
      } else if let key = first(.stalled) {
        (
          "muster logs \(file) \(key) -n 200",
          "`\(key)` makes no progress; `muster down \(file)` stops it all the same"
        )
      } else if let key = first(.waiting, .starting, .loading, .canary, .backoff, .draining) {
        ("muster attach \(file)", "`\(key)` is on its way")
      } else if first(.stopping) != nil {
        ("muster down \(file)", "it stops; this waits for it, and proves that it is gone")
      } else if let key = first(nil) {
        ("muster up \(file)", "`\(key)` was not started")
      } else {
        ("muster status \(file)", "nothing is wrong here now")
      }
  }
}
