package import Coordinator
package import Fleet
package import Health
package import Launch
package import Plan
import Recipes
package import Runs

/// A replica of the plan, and the last that is known of it.
package struct ReplicaStanding: Equatable, Sendable {
  package var key: ReplicaKey
  package var node: String
  /// `nil`: not started, or its node does not answer.
  package var report: ReplicaReport?
  /// Its node does not answer.
  var isSilent = false

  /// The state's name, `unreachable`, or `not started`.
  package var word: String {
    self.report?.state.rawValue ?? (self.isSilent ? "unreachable" : "not started")
  }

  package var stateText: String {
    self.report?.isUnproven == true ? "\(self.word) (unproven)" : self.word
  }

  /// It quotes logs.
  package var reason: String { SecretShapes.redact(self.report?.reason ?? "") }

  /// `busy` is ready with a slow answer.
  package var isReady: Bool { self.report?.state == .ready || self.report?.state == .busy }
}

extension Plan {
  /// All replicas in its order, and which nodes do not answer. Of two reports of one the last counts.
  func standings(_ reports: [ReplicaReport] = [], silent: Set<String> = []) -> [ReplicaStanding] {
    let known = Dictionary(reports.map { ($0.key, $0) }) { _, last in last }
    return self.services.flatMap { service in
      service.replicas.map { replica in
        let key = ReplicaKey(service: service.name, index: replica.index)
        return ReplicaStanding(
          key: key, node: replica.node, report: known[key],
          isSilent: silent.contains(replica.node))
      }
    }
  }
}

/// How a fleet is as a whole; `status`, `top` and whoever shows it say the same of the same.
package enum FleetCondition: Equatable, Sendable {
  /// Every replica is ready.
  case ready
  /// One has failed, whatever else there is.
  case failed
  /// A node does not answer.
  case unreachable
  /// Anything between.
  case mixed

  /// - Parameters:
  ///   - states: The last that is known of each planned replica; `nil`: nothing.
  ///   - hasUnreachable: Whether a node does not answer.
  package init(states: [ReplicaPhase?], hasUnreachable: Bool) {
    if states.contains(.failed) {
      self = .failed
    } else if hasUnreachable {
      self = .unreachable
    } else {
      self = states.allSatisfy { $0 == .ready || $0 == .busy } ? .ready : .mixed
    }
  }
}

/// What `muster status` says: the state of every planned replica, nodes that do not answer beside
/// their last word.
package struct StatusReport: Sendable {
  /// In the order of the plan.
  package let rows: [ReplicaStanding]
  package let faults: [NodeFault]

  package init(plan: Plan, _ survey: NodeAnswers<NodeSurvey>) {
    self.faults = survey.faults
    self.rows = plan.standings(
      survey.values.flatMap(\.reports), silent: Set(survey.faults.map(\.node)))
  }

  /// How every replica of a run is, by its nodes' own words.
  package init(of run: LiveRun, _ fleet: FleetContext) async throws(RunFault) {
    self.init(plan: run.plan, try await fleet.survey(run))
  }

  /// Of what is well by itself, and not together.
  package var warnings: [Diagnostic] { self.rows.compactMap(\.report).startedUnlike() }

  package var condition: FleetCondition {
    FleetCondition(states: self.rows.map(\.report?.state), hasUnreachable: !self.faults.isEmpty)
  }

  /// One object, its replicas in the order of the plan.
  package func json(run: String) -> JSONText {
    let rows = self.rows.map { row in
      JSONText.object([
        ("service", .string(row.key.service)), ("index", .integer(row.key.index)),
        ("node", .string(row.node)), ("state", .string(row.word)), ("reason", .string(row.reason)),
        ("pid", .integer(Int(row.report?.processID ?? 0))),
        ("attempt", .integer(row.report?.attempt ?? 0)),
        ("unproven", .bool(row.report?.isUnproven ?? false)),
      ])
    }
    return .object([("run", .string(run)), ("replicas", .array(rows))])
  }
}

/// What somebody asks about.
package enum ChainSubject: Equatable, Sendable {
  case node(String)
  case service(String)
  case replica(ReplicaKey)

  /// Finds a node, a service or a replica of the plan by its name; `nil` where it has none.
  package init?(_ name: String, in plan: Plan) {
    if plan.services.contains(where: { $0.name == name }) {
      self = .service(name)
    } else if plan.nodes.contains(where: { $0.name == name }) {
      self = .node(name)
    } else if let key = ReplicaKey(name), plan.standings().contains(where: { $0.key == key }) {
      self = .replica(key)
    } else {
      return nil
    }
  }

  func isAbout(_ replica: ReplicaStanding) -> Bool {
    switch self {
    case .node(let name): replica.node == name
    case .service(let name): replica.key.service == name
    case .replica(let wanted): replica.key == wanted
    }
  }

  /// The nodes that it is about, each once.
  package func nodes(of plan: Plan) -> [Plan.Node] {
    var names = Set(plan.standings().filter(self.isAbout).map(\.node))
    if case .node(let name) = self { names.insert(name) }
    return plan.nodes.filter { names.contains($0.name) }
  }
}

/// The events that led to the present state of a subject, oldest first.
package struct EventChain: Equatable, Sendable {
  package let events: [ChainEvent]

  /// Puts the journal's and the agents' words in one order.
  ///
  /// A state that an agent tells is left out of the journal's words, which have it a little later and
  /// by another clock. What one node says again and again of one thing is one event with a count.
  package init(
    of subject: ChainSubject, in plan: Plan, journal: [ChainEvent], agents: [ChainEvent]
  ) {
    let replicas = plan.standings().filter(subject.isAbout)
    let keys = Set(replicas.map(\.key))
    let services = Set(replicas.map(\.key.service))
    let nodes = Set(subject.nodes(of: plan).map(\.name))
    let told =
      agents
      + journal.filter { event in
        event.node.isEmpty || !agents.contains { $0.isLike(event) }
      }
    let relevant = told.filter { event in
      if let replica = event.replica { return keys.contains(replica) }
      if !event.service.isEmpty { return services.contains(event.service) }
      return event.node.isEmpty || nodes.contains(event.node)
    }
    // Equal times keep their order, in which each source told them.
    self.events = Self.folded(relevant.sorted { $0.milliseconds < $1.milliseconds })
  }

  /// The last that is known of a replica's state.
  package func lastState(of key: ReplicaKey) -> ChainEvent? {
    self.events.last { $0.replica == key && $0.isState }
  }

  /// Since when a node could not be reached, where that is the last that the journal says of it.
  package func unreachableSince(_ node: String) -> Int64? {
    let last = self.events.last { $0.node == node && $0.replica == nil }
    return last?.what == "faulted" ? last?.milliseconds : nil
  }

  /// The last lines of what failed, of each replica that has some.
  package var failures: [(key: ReplicaKey, node: String, lines: [String])] {
    var seen: Set<ReplicaKey> = []
    return self.events.reversed().compactMap { event in
      guard let key = event.replica, event.what == ReplicaPhase.failed.rawValue,
        !event.logLines.isEmpty, seen.insert(key).inserted
      else { return nil }
      return (key, event.node, event.logLines)
    }.reversed()
  }

  private static func folded(_ events: [ChainEvent]) -> [ChainEvent] {
    var result: [ChainEvent] = []
    var lastIndex: [ChainEvent.Subject: Int] = [:]
    for event in events {
      if let index = lastIndex[event.subject], result[index].isLike(event) {
        result[index].count += event.count
        result[index].lastMilliseconds = event.lastMilliseconds
        if !event.logLines.isEmpty { result[index].logLines = event.logLines }
      } else {
        lastIndex[event.subject] = result.count
        result.append(event)
      }
    }
    return result
  }
}

/// What `muster why` says: the chain of events, and the last lines of what failed.
package struct WhyReport: Sendable {
  package let chain: EventChain
  package let present: [ReplicaStanding]
  package let faults: [NodeFault]
  /// Of each replica that has failed.
  package let failures: [(key: ReplicaKey, node: String, lines: [String])]

  package init(
    subject: ChainSubject, plan: Plan, journal written: [ChainEvent],
    answers: NodeAnswers<NodeSurvey>, nowMilliseconds: Int64
  ) {
    var agents = answers.values.flatMap(\.events)
    self.faults = answers.faults
    self.present = plan.standings(answers.values.flatMap(\.reports)).filter(subject.isAbout)
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

  /// What led to the state of a node, a service or a replica.
  package init(
    of subject: ChainSubject, in run: LiveRun, _ fleet: FleetContext
  ) async throws(RunFault) {
    self.init(
      subject: subject, plan: run.plan, journal: try run.chain(),
      answers: try await fleet.chronicles(of: run, on: subject.nodes(of: run.plan)),
      nowMilliseconds: fleet.surroundings.milliseconds())
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
        ("hints", .array(KnownMistake.hints(in: failure.lines).map { .string($0) })),
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
          "`\(key)` makes no progress; `muster restart \(file) \(key)` starts it anew all the same"
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
