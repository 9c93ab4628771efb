package import Fleet
import Health
import Launch
package import Plan

/// Decides what starts when, whether a launch has succeeded or cannot any more, and when its end is over.
///
/// A launch is a gang: nothing starts before every node it needs has answered, a service starts when
/// those named in its `after` are ready, and the first failure ends all that was started. It judges only
/// what it has had started itself, as the agents say by its epoch: what it finds there counts where it is
/// ready, is started again where it has ended, and is never stopped.
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
    /// Something of the run is there yet: it could not be ended, or another coordinator had it started.
    var hasRemains = false
  }

  private let plan: Plan
  private let epoch: UInt64
  private let settings: Settings
  /// In the order of the plan.
  package let neededNodes: [String]
  private var attachDeadline: Instant
  /// When it ends for what nodes have refused, unless they think better of it.
  private var refusalDeadline: Instant?
  private var passedAt: Instant
  private var state = State.gathering
  private var attachedNodes: Set<String> = []
  private var faults: [String: NodeFault] = [:]
  /// What nodes have said of themselves that nobody was told of yet.
  private var answers: [PreflightAnswer] = []
  private var reports: [ReplicaKey: ReplicaReport] = [:]
  /// When each service that was started must be ready.
  private var deadlines: [String: Instant] = [:]
  /// What each node was told to start, in order; twice what had ended meanwhile.
  private var orders: [String: [String]] = [:]

  /// - Parameters:
  ///   - plan: With at least one service.
  ///   - epoch: Of this coordinator, by which agents say what it has had started.
  package init(plan: Plan, epoch: UInt64, settings: Settings, now: Instant) {
    self.plan = plan
    self.epoch = epoch
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
    let isStopAsked =
      switch self.state {
      case .gathering, .starting: false
      case .departing, .over: true
      }
    return LaunchOrder(services: self.orders[node] ?? [], isStopAsked: isStopAsked)
  }

  // MARK: Events

  /// What a node has said of itself; comes before it has attached.
  package mutating func examined(_ answer: PreflightAnswer) {
    self.answers.append(answer)
  }

  /// A node has answered, again perhaps.
  package mutating func attached(_ node: String, at now: Instant) -> [Action] {
    self.pass(to: now)
    self.attachedNodes.insert(node)
    self.faults[node] = nil
    switch self.state {
    case .gathering:
      guard self.neededNodes.allSatisfy(self.attachedNodes.contains) else { return [] }
      self.state = .starting
      return self.startWhatCan(at: now)
    case .departing(var departure):
      // It comes late, and has as much to stop as the others.
      departure.waiting.insert(node)
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
      case .refused:
        guard self.neededNodes.contains(fault.node) else { return [] }
        if self.refusalDeadline == nil {
          self.refusalDeadline = now.advanced(by: Self.refusalGrace)
        }
        return self.neededNodes.allSatisfy(self.hasAnswered) ? self.refuse(at: now) : []
      case .held, .taken:
        guard self.neededNodes.contains(fault.node) else { return [] }
        return self.abort(
          [fault].folded(), by: fault.kind == .taken ? .service : .nodes, at: now,
          heldNode: fault.node)
      }
    // Another's from now on: it takes no order of ours, and what is left there is not known.
    case .departing where fault.kind.isAnothers:
      return self.left(fault.node, hasRemains: true)
    case .departing, .over:
      return []
    }
  }

  package mutating func reported(_ report: ReplicaReport, at now: Instant) -> [Action] {
    self.pass(to: now)
    guard let service = self.service(of: report) else { return [] }
    let isOurs = report.startedBy == self.epoch
    let before = self.reports[report.key]
    if !isOurs {
      // It was on its way while the answer to our start was.
      if before?.startedBy == self.epoch { return [] }
      // What ended before this launch has no say in it.
      if report.state.isFinal, before?.state.isFinal != false { return [] }
    }
    self.reports[report.key] = report
    guard case .starting = self.state else { return [] }
    switch report.state {
    case .failed:
      if isOurs { return self.abort([.failure(report)], by: .service, at: now) }
      return self.startAgain(service, on: report.node)
    case .stopping, .stopped:
      if service.hasEndedWell(report) {
        return report.state == .stopped ? self.startWhatCan(at: now) : []
      }
      // One that was found on its way down is none that is stopped now.
      let wasUp = before.map { !$0.state.isFinal && $0.state != .stopping } ?? false
      if isOurs || wasUp { return self.endElsewhere() }
      return report.state == .stopped ? self.startAgain(service, on: report.node) : []
    case .ready, .busy: return self.startWhatCan(at: now)
    case .waiting, .starting, .loading, .canary, .stalled, .draining, .backoff:
      return []
    }
  }

  /// What was found alive has ended. Where that was before the order came, it is done already.
  private mutating func startAgain(_ service: Plan.Service, on node: String) -> [Action] {
    guard self.deadlines[service.name] != nil else { return [] }
    self.orders[node, default: []].append(service.name)
    return [.giveOrders]
  }

  /// A node has stopped what this launch had started there, as far as it could.
  ///
  /// - Parameter hasRemains: Whether something of the run is there yet, whoever had it started.
  package mutating func left(_ node: String, hasRemains: Bool) -> [Action] {
    switch self.state {
    case .departing(var departure):
      departure.waiting.remove(node)
      departure.hasRemains = departure.hasRemains || hasRemains
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
      if let deadline = self.refusalDeadline, now >= deadline {
        self.refusalDeadline = nil
        if self.neededNodes.contains(where: self.isRefused) { return self.refuse(at: now) }
      }
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

  /// From the first node that refuses until the launch ends for it: others that do are named with it.
  private static var refusalGrace: Duration { .seconds(2) }

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
      for node in Set(service.replicas.map(\.node)) {
        self.orders[node, default: []].append(service.name)
      }
    }
    return actions + [.tell(.starting(services: services.map(\.name))), .giveOrders]
      + self.startWhatCan(at: now)
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

  private func isRefused(_ node: String) -> Bool {
    !self.attachedNodes.contains(node) && self.faults[node]?.kind == .refused
  }

  private func hasAnswered(_ node: String) -> Bool {
    self.attachedNodes.contains(node) || self.isRefused(node)
  }

  private mutating func refuse(at now: Instant) -> [Action] {
    let refusals = self.neededNodes.filter(self.isRefused).compactMap { self.faults[$0] }
    return self.abort(refusals.folded(), by: .nodes, at: now)
  }

  /// - Parameter heldNode: Is another's from now on: it takes no order of ours.
  private mutating func abort(
    _ reasons: [Diagnostic], by culprit: LaunchResult.Culprit, at now: Instant,
    heldNode: String? = nil
  ) -> [Action] {
    // Longer than the agents themselves give what they stop.
    let departure = Departure(
      waiting: self.attachedNodes.filter { $0 != heldNode },
      deadline: now.advanced(by: self.plan.stopTimeout + .seconds(5)), reasons: reasons,
      culprit: culprit, hasRemains: heldNode != nil)
    self.state = .departing(departure)
    return [.tell(.aborted(reasons)), .giveOrders]
      + (departure.waiting.isEmpty ? self.end(departure) : [])
  }

  /// What this launch did not order to stop stops: whoever ordered it ends the run, and needs no help.
  private mutating func endElsewhere() -> [Action] {
    self.state = .over
    let result = LaunchResult(reasons: [.endedElsewhere], culprit: .service)
    return [.tell(.aborted(result.reasons)), .end(result)]
  }

  private mutating func end(_ departure: Departure) -> [Action] {
    self.state = .over
    // What others hold, or nobody has seen, may well run.
    let isSeen = self.neededNodes.allSatisfy(self.attachedNodes.contains)
    let isOver = isSeen && departure.waiting.isEmpty && !departure.hasRemains
    return departure.waiting.sorted().map { node in
      .tell(.leftBehind(node: node, ["it has not said in time that it has stopped"]))
    } + [.end(LaunchResult(reasons: departure.reasons, culprit: departure.culprit, isOver: isOver))]
  }

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

  private func missingNodes() -> [Diagnostic] {
    let missing = self.neededNodes.filter { !self.attachedNodes.contains($0) }
    let explained = missing.compactMap { self.faults[$0] }.folded()
    let silent = missing.filter { self.faults[$0] == nil }
    guard !silent.isEmpty else { return explained }
    let seconds = self.settings.attachTimeout.components.seconds
    let text = "\(NodeSet(silent.map { NodeName($0) }).folded): no answer within \(seconds) s"
    return explained + [Diagnostic(code: "node-silent", text)]
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
