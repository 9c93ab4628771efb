package import Coordinator
package import Fleet
import Health
package import Launch
package import Plan

/// What `muster why` says: the chain of events, and the last lines of what failed.
package struct WhyReport: Sendable {
  package let chain: EventChain
  package let present: [NextStep.Present]
  package let faults: [NodeFault]
  /// Of each replica that has failed.
  package let failures: [(key: ReplicaKey, node: String, lines: [String])]

  package init(
    subject: ChainSubject, plan: Plan, journal written: [ChainEvent],
    answers: [(node: Plan.Node, result: Result<NodeChronicle, NodeFault>)], nowMilliseconds: Int64
  ) {
    var agents: [ChainEvent] = []
    var reports: [ReplicaKey: ReplicaReport] = [:]
    var faults: [NodeFault] = []
    for (_, result) in answers {
      switch result {
      case .success(let chronicle):
        agents += chronicle.events
        for report in chronicle.survey.reports { reports[report.key] = report }
      case .failure(let fault): faults.append(fault)
      }
    }
    let past = EventChain(of: subject, in: plan, journal: written, agents: agents)
    for (key, _) in subject.replicas(of: plan) {
      guard let report = reports[key], past.lastState(of: key)?.what != report.state.rawValue else {
        continue
      }
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
    let chain = EventChain(of: subject, in: plan, journal: written, agents: agents)
    self.chain = chain
    self.faults = faults
    self.present = subject.replicas(of: plan).map { key, node in
      NextStep.Present(key: key, node: node, state: reports[key]?.state)
    }
    let failed = subject.replicas(of: plan).compactMap { key, node in
      reports[key].flatMap { report in
        report.lastLogLines.isEmpty ? nil : (key: key, node: node, lines: report.lastLogLines)
      }
    }
    self.failures = failed.isEmpty ? chain.failures : failed
  }

  package func json(run: String, next: NextStep) -> JSONText {
    let events = self.chain.events.map { event in
      JSONText.object([
        ("time", .string(ChainEvent.time(event.milliseconds))),
        ("milliseconds", .integer(Int(event.milliseconds))), ("node", .string(event.node)),
        ("service", .string(event.service)),
        ("index", JSONText(event.replica?.index)),
        ("state", .string(event.what)), ("reason", .string(event.reason)),
        ("count", .integer(event.count)),
        ("last_milliseconds", .integer(Int(event.lastMilliseconds))),
      ])
    }
    let present = self.present.map { replica in
      JSONText.object([
        ("service", .string(replica.key.service)), ("index", .integer(replica.key.index)),
        ("node", .string(replica.node)),
        ("state", JSONText(replica.state?.rawValue)),
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
