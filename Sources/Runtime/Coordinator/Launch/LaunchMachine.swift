package import Fleet
import Health
import Launch
package import Plan
import Recipes

/// Decides what starts when, whether a launch has succeeded or cannot any more, and when its end is over.
///
/// A launch is a gang: nothing starts before every node it needs has answered, a service starts when
/// those named in its `after` are ready, and the first failure ends it all.
/// It reads no clock and waits for nothing; instants are passed in. Each event is told by who hears of
/// it, and then answered with actions, which are carried out in order.
///
/// ```
/// gathering ──every node attached──▶ starting ──every replica ready──▶ over
///     │                                 │                                ▲
///     └────fault, findings, deadline────┴──▶ departing ──all stopped─────┘
/// ```
package struct LaunchMachine<Instant: InstantProtocol>: Sendable
where Instant.Duration == Duration, Instant: Sendable {
  package struct Settings: Sendable {
    /// From the start of the launch until every node must have answered.
    package var attachTimeout: Duration
    /// Beyond a replica's own deadline, which its node watches: for a link that is down meanwhile.
    package var reportGrace: Duration
    /// Whether an error in what nodes say of themselves keeps everything from starting; it is told in
    /// any case.
    package var refusesFindings: Bool

    package init(attachTimeout: Duration, reportGrace: Duration, refusesFindings: Bool = true) {
      self.attachTimeout = attachTimeout
      self.reportGrace = reportGrace
      self.refusesFindings = refusesFindings
    }
  }

  package enum Action: Equatable, Sendable {
    /// For the journal and whoever watches, before anything that follows is done.
    case tell(LaunchEvent)
    /// Nodes have other orders than before: see ``order(of:)``.
    case giveOrders
    case end(LaunchResult)
  }

  private enum State {
    case gathering
    case starting
    case departing(Departure)
    case over
  }

  private struct Departure {
    /// Nodes that have still to stop what they run.
    var waiting: Set<String>
    var deadline: Instant
    var reasons: [Diagnostic]
    var culprit: LaunchResult.Culprit
    var hasLeftovers = false
  }

  private let plan: Plan
  private let settings: Settings
  /// In the order of the plan.
  package let neededNodes: [String]
  private var attachDeadline: Instant
  private var passedAt: Instant
  private var state = State.gathering
  private var attachedNodes: Set<String> = []
  /// Where something runs that this launch, having started nothing, leaves as it is.
  private var usedNodes: Set<String> = []
  private var faults: [String: NodeFault] = [:]
  /// What nodes have said of themselves that nobody was told of yet.
  private var answers: [PreflightAnswer] = []
  private var reports: [ReplicaKey: ReplicaReport] = [:]
  /// Services that were started, in order, and when each must be ready.
  private var startedServices: [String] = []
  private var deadlines: [String: Instant] = [:]

  /// - Parameter plan: With at least one service.
  package init(plan: Plan, settings: Settings, now: Instant) {
    self.plan = plan
    self.settings = settings
    self.attachDeadline = now.advanced(by: settings.attachTimeout)
    self.passedAt = now
    let used = Set(plan.services.flatMap { $0.replicas.map(\.node) })
    self.neededNodes = plan.nodes.map(\.name).filter { used.contains($0) }
  }

  /// The latest report of every replica that has one, in the order of their keys.
  package var latestReports: [ReplicaReport] {
    self.reports.values.sorted { $0.key < $1.key }
  }

  /// Why it is aborted, if it is.
  package var reasons: [Diagnostic] {
    switch self.state {
    case .departing(let departure): departure.reasons
    case .gathering, .starting, .over: []
    }
  }

  /// What a node should do, whatever it has been told before.
  package func order(of node: String) -> LaunchOrder {
    var order = LaunchOrder(services: self.startedServices)
    switch self.state {
    case .gathering, .starting: break
    case .departing, .over: order.isStopAsked = self.stops(node)
    }
    return order
  }

  // MARK: Events

  /// What a node has said of itself; comes before it has attached.
  package mutating func examined(_ answer: PreflightAnswer) {
    self.answers.append(answer)
  }

  /// A node has answered, again perhaps.
  ///
  /// - Parameter runsReplicas: Whether something of the run lives there.
  package mutating func attached(
    _ node: String, runsReplicas: Bool, at now: Instant
  ) -> [Action] {
    self.pass(to: now)
    self.attachedNodes.insert(node)
    self.faults[node] = nil
    if runsReplicas, self.startedServices.isEmpty { self.usedNodes.insert(node) }
    switch self.state {
    case .gathering:
      guard self.neededNodes.allSatisfy(self.attachedNodes.contains) else { return [] }
      self.state = .starting
      return self.startWhatCan(at: now)
    case .departing(var departure):
      // It comes late, and has as much to stop as the others.
      if self.stops(node) { departure.waiting.insert(node) }
      self.state = .departing(departure)
      return [.giveOrders]
    // A link that came back changes nothing: the node's reports follow.
    case .starting, .over:
      return []
    }
  }

  /// A node cannot be worked with. One that is merely unreachable may come back in time.
  package mutating func faulted(_ fault: NodeFault, at now: Instant) -> [Action] {
    switch self.state {
    case .gathering, .starting:
      self.faults[fault.node] = fault
      switch fault.kind {
      case .unreachable: return []
      // What has attached once may be refused for a while, as by an sshd that starts anew.
      case .refused where self.attachedNodes.contains(fault.node): return []
      case .refused, .held:
        guard self.neededNodes.contains(fault.node) else { return [] }
        return self.abort([fault].folded(), by: .nodes, at: now)
      }
    // Another's from now on: it takes no order of ours, and what is left there is not known.
    case .departing where fault.kind == .held:
      return self.left(fault.node, hasLeftovers: true)
    case .departing, .over:
      return []
    }
  }

  package mutating func reported(_ report: ReplicaReport, at now: Instant) -> [Action] {
    self.pass(to: now)
    guard let service = self.service(of: report) else { return [] }
    let before = self.reports.updateValue(report, forKey: report.key)
    switch self.state {
    // An agent that was there before reports what already runs.
    case .gathering, .departing, .over:
      return []
    case .starting:
      switch report.state {
      case .failed: return self.abort([Self.failure(report)], by: .service, at: now)
      case .stopping, .stopped:
        // What was stopped before this launch is no end of it.
        guard before?.state.isFinal == false || service.hasEndedWell(report) else { return [] }
        guard service.hasEndedWell(report) else { return self.endElsewhere() }
        return report.state == .stopped ? self.startWhatCan(at: now) : []
      case .ready, .busy: return self.startWhatCan(at: now)
      case .waiting, .starting, .loading, .canary, .stalled, .draining, .backoff:
        return []
      }
    }
  }

  /// A node has stopped what it ran, as far as it could.
  ///
  /// - Parameter hasLeftovers: Whether something of it is there yet.
  package mutating func left(_ node: String, hasLeftovers: Bool) -> [Action] {
    switch self.state {
    case .departing(var departure):
      departure.waiting.remove(node)
      departure.hasLeftovers = departure.hasLeftovers || hasLeftovers
      self.state = .departing(departure)
      return departure.waiting.isEmpty ? self.end(departure) : []
    case .over:
      return []
    case .gathering, .starting: preconditionFailure("\(node) left in \(self.state)")
    }
  }

  /// Time has passed; call at least once a second.
  package mutating func ticked(at now: Instant) -> [Action] {
    self.pass(to: now)
    switch self.state {
    case .gathering:
      guard now >= self.attachDeadline else { return [] }
      return self.abort(self.missingNodes(), by: .nodes, at: now)
    case .starting:
      let late = self.plan.services.filter { service in
        guard let deadline = self.deadlines[service.name] else { return false }
        return deadline <= now && !self.isReady(service)
      }
      return late.isEmpty ? [] : self.abort(late.map(self.lateness), by: .service, at: now)
    case .departing(let departure):
      return departure.deadline <= now ? self.end(departure) : []
    case .over:
      return []
    }
  }

  /// A coordinator that did not run for longer than ``ownGapMax`` could hear nobody: for as long, all
  /// deadlines stand still.
  private mutating func pass(to now: Instant) {
    let gap = self.passedAt.duration(to: now)
    self.passedAt = max(self.passedAt, now)
    guard gap > Self.ownGapMax else { return }
    self.attachDeadline = self.attachDeadline.advanced(by: gap)
    self.deadlines = self.deadlines.mapValues { $0.advanced(by: gap) }
  }

  private static var ownGapMax: Duration { .seconds(3) }

  // MARK: Decisions

  private mutating func startWhatCan(at now: Instant) -> [Action] {
    if self.plan.services.allSatisfy(self.isReady) {
      self.state = .over
      return self.latestReports.startedUnlike().map { .tell(.warned($0)) } + [
        .tell(.succeeded), .end(LaunchResult()),
      ]
    }
    let services = self.plan.services.filter { service in
      self.deadlines[service.name] == nil
        && service.after.allSatisfy { name in
          self.plan.services.first { $0.name == name }.map(self.isReady) ?? true
        }
    }
    if services.isEmpty { return [] }
    let (actions, refusals) = self.tellFindings()
    guard refusals.isEmpty else { return actions + self.abort(refusals, by: .nodes, at: now) }
    for service in services {
      let seconds = service.replicas.map(\.launch.readyTimeoutSeconds).max() ?? 0
      self.deadlines[service.name] = now.advanced(
        by: .seconds(seconds) + self.settings.reportGrace)
    }
    let names = services.map(\.name)
    self.startedServices += names
    // From now on an abort ends all of the run.
    self.usedNodes = []
    return actions + [.tell(.starting(services: names)), .giveOrders]
  }

  /// What the facts of all nodes add up to; what was told once is not told again.
  ///
  /// - Returns: With the reasons why nothing may start.
  private mutating func tellFindings() -> (actions: [Action], refusals: [Diagnostic]) {
    if self.answers.isEmpty { return ([], []) }
    // As the plan has the nodes, whichever answered first.
    let answers = self.plan.nodes.compactMap { node in
      self.answers.last { $0.node == node.name }
    }
    let findings = PreflightCheck.findings(self.plan, answers)
    self.answers = []
    let errors = findings.filter(\.isError).map(\.folded)
    return ([.tell(.checked(findings))], self.settings.refusesFindings ? errors : [])
  }

  private mutating func abort(
    _ reasons: [Diagnostic], by culprit: LaunchResult.Culprit, at now: Instant
  ) -> [Action] {
    // Longer than the agents themselves give what they stop.
    let departure = Departure(
      waiting: self.attachedNodes.filter(self.stops),
      deadline: now.advanced(by: self.plan.stopTimeout + .seconds(5)), reasons: reasons,
      culprit: culprit)
    self.state = .departing(departure)
    return [.tell(.aborted(reasons)), .giveOrders]
      + (departure.waiting.isEmpty ? self.end(departure) : [])
  }

  /// What this launch did not order to stop stops: whoever ordered it ends the run, and needs no help.
  private mutating func endElsewhere() -> [Action] {
    self.state = .over
    let reasons = [Diagnostic.endedElsewhere]
    return [.tell(.aborted(reasons)), .end(LaunchResult(reasons: reasons, culprit: .service))]
  }

  private mutating func end(_ departure: Departure) -> [Action] {
    self.state = .over
    // What others hold, or nobody has seen, may well run.
    let isSeen =
      !self.startedServices.isEmpty || self.neededNodes.allSatisfy(self.attachedNodes.contains)
    let isOver =
      isSeen && self.usedNodes.isEmpty && departure.waiting.isEmpty && !departure.hasLeftovers
    return departure.waiting.sorted().map { node in
      .tell(.leftBehind(node: node, ["it has not said in time that it has stopped"]))
    } + [.end(LaunchResult(reasons: departure.reasons, culprit: departure.culprit, isOver: isOver))]
  }

  /// Whether an aborted launch stops what runs on a node: all but what was there before it.
  private func stops(_ node: String) -> Bool { !self.usedNodes.contains(node) }

  private func isReady(_ service: Plan.Service) -> Bool {
    self.deadlines[service.name] != nil && self.lateReplicas(of: service).isEmpty
  }

  private func lateReplicas(of service: Plan.Service) -> [(node: String, key: ReplicaKey)] {
    service.replicas.map { ($0.node, ReplicaKey(service: service.name, index: $0.index)) }
      .filter { self.reports[$0.1].map { !service.isDone($0) } ?? true }
  }

  /// A node is semi-trusted: it speaks for its own replicas only.
  private func service(of report: ReplicaReport) -> Plan.Service? {
    self.plan.services.first { service in
      service.name == report.key.service
        && service.replicas.contains { $0.index == report.key.index && $0.node == report.node }
    }
  }

  // MARK: Why it is aborted, in words

  private static func failure(_ report: ReplicaReport) -> Diagnostic {
    Diagnostic(
      code: "replica-\(report.state.rawValue)",
      "\(report.node): `\(report.key)` is \(report.state.rawValue): \(report.reason)",
      causes: report.lastLogLines.map { "log: \($0)" },
      hints: KnownMistake.hints(in: report.lastLogLines + [report.reason])
        + (report.logPath.isEmpty ? [] : ["the whole log is `\(report.logPath)` on the node"]))
  }

  private func missingNodes() -> [Diagnostic] {
    let missing = self.neededNodes.filter { !self.attachedNodes.contains($0) }
    let explained = missing.compactMap { self.faults[$0] }.folded()
    let silent = missing.filter { self.faults[$0] == nil }
    guard !silent.isEmpty else { return explained }
    let seconds = self.settings.attachTimeout.components.seconds
    let nodes = NodeSet(silent.map { NodeName($0) }).folded
    return explained + [
      Diagnostic(code: "node-silent", "\(nodes): no answer within \(seconds) s")
    ]
  }

  private func lateness(of service: Plan.Service) -> Diagnostic {
    let causes = self.lateReplicas(of: service).map { node, key in
      let state =
        self.reports[key].map { report in
          report.state.rawValue + (report.reason.isEmpty ? "" : ": \(report.reason)")
        } ?? "never reported"
      let link = self.faults[node].map { "; \($0.diagnostic.summary)" } ?? ""
      return "\(node): `\(key)` is \(state)\(link)"
    }
    return Diagnostic(
      code: "service-late", "service `\(service.name)` was not ready in time", causes: causes)
  }
}

extension Diagnostic {
  /// Of a launch whose replicas stop by nobody's order here.
  package static let endedElsewhere = Diagnostic(
    code: "run-ended", "the run was ended by another command",
    hints: ["`muster up` starts it again"])
}

extension Plan.Service {
  /// Whether a replica of it is ready, or, of a task, has ended well.
  package func isDone(_ report: ReplicaReport) -> Bool {
    report.state == .ready || report.state == .busy
      || report.state == .stopped && self.hasEndedWell(report)
  }

  fileprivate func hasEndedWell(_ report: ReplicaReport) -> Bool {
    report.exitStatus == 0
      && self.replicas.first { $0.index == report.key.index }?.launch.isTask == true
  }
}
