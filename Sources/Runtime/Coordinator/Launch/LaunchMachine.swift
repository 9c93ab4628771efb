package import Fleet
import Health
import Launch
package import Plan
import Recipes

/// Decides what starts when, and when a launch has succeeded or cannot any more.
///
/// A launch is a gang: nothing starts before every node it needs has answered, a service starts when
/// those named in its `after` are ready, and the first failure ends it all.
/// It reads no clock and waits for nothing; instants are passed in.
///
/// ```
/// gathering ──every node attached──▶ starting ──every replica ready──▶ launched
///     │                                 │
///     └────fault, deadline──────────────┴──▶ aborted
/// ```
package struct LaunchMachine<Instant: InstantProtocol> where Instant.Duration == Duration {
  package struct Settings: Sendable {
    /// From the start of the launch until every node must have answered.
    package var attachTimeout: Duration
    /// Beyond a replica's own deadline, which its node watches: for a link that is down meanwhile.
    package var reportGrace: Duration

    package init(attachTimeout: Duration, reportGrace: Duration) {
      self.attachTimeout = attachTimeout
      self.reportGrace = reportGrace
    }
  }

  package enum Action: Equatable, Sendable {
    case none
    /// Start the replicas of these services, in this order, on their nodes.
    case start([String])
    case succeed
    /// End what was started, and say why.
    case abort([Diagnostic])
  }

  private enum State {
    case gathering
    case starting
    case launched
    case aborted
  }

  private let plan: Plan
  private let settings: Settings
  private let neededNodes: [String]
  /// Until every node must have answered.
  private var attachDeadline: Instant
  private var passedAt: Instant
  private var state = State.gathering
  private var attachedNodes: Set<String> = []
  private var faults: [String: NodeFault] = [:]
  private var reports: [ReplicaKey: ReplicaReport] = [:]
  /// When each started service must be ready.
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

  /// A node has answered, again perhaps.
  package mutating func attached(_ node: String, at now: Instant) -> Action {
    self.pass(to: now)
    self.attachedNodes.insert(node)
    self.faults[node] = nil
    switch self.state {
    case .gathering:
      guard self.neededNodes.allSatisfy(self.attachedNodes.contains) else { return .none }
      self.state = .starting
      return self.startWhatCan(at: now)
    // A link that came back changes nothing: the node's reports follow.
    case .starting, .launched, .aborted:
      return .none
    }
  }

  /// A node cannot be worked with. One that is merely unreachable may come back in time.
  package mutating func faulted(_ fault: NodeFault) -> Action {
    switch self.state {
    case .gathering, .starting:
      self.faults[fault.node] = fault
      switch fault.kind {
      case .unreachable: return .none
      // What has attached once may be refused for a while, as by an sshd that starts anew.
      case .refused where self.attachedNodes.contains(fault.node): return .none
      case .refused, .held:
        guard self.neededNodes.contains(fault.node) else { return .none }
        return self.abort([fault].folded())
      }
    case .launched, .aborted:
      return .none
    }
  }

  package mutating func reported(_ report: ReplicaReport, at now: Instant) -> Action {
    self.pass(to: now)
    guard self.isPlanned(report) else { return .none }
    self.reports[report.key] = report
    switch self.state {
    // An agent that was there before reports what already runs.
    case .gathering, .launched, .aborted:
      return .none
    case .starting:
      switch report.state {
      case .failed, .stopping:
        return self.abort([Self.failure(report)])
      case .stopped where !self.hasEndedWell(report):
        return self.abort([Self.failure(report)])
      case .ready, .busy, .stopped:
        return self.startWhatCan(at: now)
      case .waiting, .starting, .loading, .canary, .stalled, .draining, .backoff:
        return .none
      }
    }
  }

  /// Time has passed; call at least once a second.
  package mutating func ticked(at now: Instant) -> Action {
    self.pass(to: now)
    switch self.state {
    case .gathering:
      guard now >= self.attachDeadline else { return .none }
      return self.abort(self.missingNodes())
    case .starting:
      let late = self.plan.services.filter { service in
        guard let deadline = self.deadlines[service.name] else { return false }
        return deadline <= now && !self.isReady(service)
      }
      return late.isEmpty ? .none : self.abort(late.map(self.lateness))
    case .launched, .aborted:
      return .none
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

  /// Three of its ticks.
  private static var ownGapMax: Duration { .seconds(3) }

  /// The nodes cannot carry the plan: nothing may start.
  package mutating func refused(_ reasons: [Diagnostic]) -> Action {
    switch self.state {
    case .gathering, .starting: self.abort(reasons)
    case .launched, .aborted: .none
    }
  }

  // MARK: Decisions

  private mutating func startWhatCan(at now: Instant) -> Action {
    if self.plan.services.allSatisfy(self.isReady) {
      self.state = .launched
      return .succeed
    }
    let names = self.plan.services.filter { service in
      self.deadlines[service.name] == nil
        && service.after.allSatisfy { name in
          self.plan.services.first { $0.name == name }.map(self.isReady) ?? true
        }
    }
    for service in names {
      let seconds = service.replicas.map(\.launch.readyTimeoutSeconds).max() ?? 0
      self.deadlines[service.name] = now.advanced(
        by: .seconds(seconds) + self.settings.reportGrace)
    }
    return names.isEmpty ? .none : .start(names.map(\.name))
  }

  private mutating func abort(_ diagnostics: [Diagnostic]) -> Action {
    self.state = .aborted
    return .abort(diagnostics)
  }

  private func isReady(_ service: Plan.Service) -> Bool {
    service.replicas.allSatisfy { replica in
      let key = ReplicaKey(service: service.name, index: replica.index)
      guard self.deadlines[service.name] != nil, let report = self.reports[key] else {
        return false
      }
      return report.state == .ready || report.state == .busy || self.hasEndedWell(report)
    }
  }

  private func hasEndedWell(_ report: ReplicaReport) -> Bool {
    report.state == .stopped && report.exitStatus == 0 && self.launch(of: report)?.isTask == true
  }

  private func launch(of report: ReplicaReport) -> LaunchSpecification? {
    self.plan.services.first { $0.name == report.key.service }?
      .replicas.first { $0.index == report.key.index }?.launch
  }

  /// A node is semi-trusted: it speaks for its own replicas only.
  private func isPlanned(_ report: ReplicaReport) -> Bool {
    self.plan.services.contains { service in
      service.name == report.key.service
        && service.replicas.contains { $0.index == report.key.index && $0.node == report.node }
    }
  }

  // MARK: Words

  private static func failure(_ report: ReplicaReport) -> Diagnostic {
    Diagnostic(
      code: "replica-\(report.state.rawValue)",
      "\(report.node): `\(report.key)` is \(report.state.rawValue): \(report.reason)",
      causes: report.lastLogLines.map { "log: \($0)" },
      hints: report.logPath.isEmpty ? [] : ["the whole log is `\(report.logPath)` on the node"])
  }

  private func missingNodes() -> [Diagnostic] {
    let missing = self.neededNodes.filter { !self.attachedNodes.contains($0) }
    let explained = missing.compactMap { self.faults[$0] }
    let silent = missing.filter { self.faults[$0] == nil }
    guard !silent.isEmpty else { return explained.folded() }
    let seconds = self.settings.attachTimeout.components.seconds
    return explained.folded() + [
      Diagnostic(
        code: "node-silent",
        "\(NodeSet(silent.map { NodeName($0) }).folded): no answer within \(seconds) s")
    ]
  }

  private func lateness(of service: Plan.Service) -> Diagnostic {
    let late = service.replicas.filter { replica in
      let key = ReplicaKey(service: service.name, index: replica.index)
      return self.reports[key].map { $0.state != .ready && $0.state != .busy } ?? true
    }
    let causes = late.map { replica in
      let key = ReplicaKey(service: service.name, index: replica.index)
      let state =
        self.reports[key].map { report in
          report.state.rawValue + (report.reason.isEmpty ? "" : ": \(report.reason)")
        } ?? "never reported"
      let link = self.faults[replica.node].map { "; \($0.diagnostic.summary)" } ?? ""
      return "\(replica.node): `\(key)` is \(state)\(link)"
    }
    return Diagnostic(
      code: "service-late", "service `\(service.name)` was not ready in time", causes: causes)
  }
}
