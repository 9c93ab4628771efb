package import Coordinator
package import Fleet
import Health
package import Launch
package import Telemetry

/// What is known of a run at one instant, ready to be shown.
package struct FleetMoment: Sendable {
  /// Work that comes in: records of an eval, or lines of watched files.
  package struct Rollouts: Equatable, Sendable {
    package var count: UInt64
    /// `nil` before the second look.
    package var perSecond: Double?
  }

  /// A replica, with what its node says.
  package struct Row: Sendable {
    package let replica: FleetState.Replica
    package let metrics: FleetMetrics
    /// Of its page of metrics.
    package let ageSeconds: Double?
    /// In its state.
    package let sinceSeconds: Double?
    package let node: FleetState.Node
    /// Since the link was lost; `nil` while it is up, and before the first answer.
    package let lostSeconds: Double?
    /// The last state that is known, though its node has not told it to this watch.
    package let rememberedState: String?
  }

  package let run: String
  package let state: FleetState
  /// In the order of the plan.
  package let rows: [Row]
  /// Since 1970 in UTC, by our clock.
  package let milliseconds: Int64
  package let rollouts: Rollouts?

  /// - Parameters:
  ///   - now: As given to ``FleetState/see(_:at:)``.
  ///   - remembered: States that were known before the watch began.
  package init(
    run: String, _ state: FleetState, at now: Duration, milliseconds: Int64,
    rollouts: Rollouts? = nil, remembered: [ReplicaKey: String] = [:]
  ) {
    self.run = run
    self.state = state
    self.milliseconds = milliseconds
    self.rollouts = rollouts
    let nodes = Dictionary(state.nodes.map { ($0.name, $0) }) { _, last in last }
    self.rows = state.replicas.compactMap { replica in
      guard let node = nodes[replica.node] else { return nil }
      let since = replica.report?.sinceMilliseconds ?? 0
      return Row(
        replica: replica, metrics: FleetMetrics([replica.page]),
        ageSeconds: replica.page.arrived.map { (now - $0) / .seconds(1) },
        // By the node's clock, which may be ahead.
        sinceSeconds: since > 0 ? Double(max(0, milliseconds - since)) / 1000 : nil, node: node,
        lostSeconds: node.lostSince.map { (now - $0) / .seconds(1) },
        rememberedState: replica.report?.state.rawValue ?? remembered[replica.key])
    }
  }

  /// How the fleet is as a whole.
  package var condition: FleetCondition {
    FleetCondition(
      states: self.rows.map { $0.replica.report?.state },
      hasUnreachable: self.state.nodes.contains { !$0.isReached })
  }

  /// Whether each node has answered with its replicas, or is lost.
  package var hasAnswers: Bool {
    self.rows.allSatisfy { row in
      row.isLost || (row.node.isReached && row.replica.report != nil)
    }
  }

  /// Whether a further look at the same fleet would say nothing that is awaited still: each node has
  /// answered or is lost, and each server has shown how much it does between two pages.
  package var isComplete: Bool {
    self.state.nodes.allSatisfy { node in
      !node.fault.isEmpty || (node.isReached && node.hasSampledGPUs)
    }
      && self.rows.allSatisfy { row in
        guard row.node.isReached else { return true }
        guard row.replica.report != nil else { return false }
        return !row.isReady || row.replica.page.interval != nil || !row.replica.page.fault.isEmpty
      }
  }

  /// The numbers of each service.
  package var samples: [ServiceSample] {
    self.state.services.map { service in
      let ready = self.rows.count { $0.replica.key.service == service.name && $0.isReady }
      return ServiceSample(
        service, readyCount: ready, self.state.rollouts(of: service.name))
    }
  }

  /// The newest by their nodes' clocks, oldest first.
  package func latestEvents(_ countMax: Int) -> ArraySlice<ChainEvent> {
    self.state.events.sorted { $0.milliseconds < $1.milliseconds }.suffix(countMax)
  }
}

extension FleetMoment.Row {
  /// `busy` is ready with a slow answer. What is not reached is not known to be.
  package var isReady: Bool {
    let state = self.replica.report?.state
    return self.node.isReached && (state == .ready || state == .busy)
  }

  package var isLost: Bool { !self.node.fault.isEmpty }

  /// Mean of the node's GPUs.
  package var gpuPercent: Double? { self.node.gpus.meanUtilizationPercent }

  /// A state's name, `unreachable`, `not started`, or `?` before the first answer.
  package var word: String {
    if self.isLost { return "unreachable" }
    return self.replica.report?.state.rawValue ?? (self.node.isReached ? "not started" : "?")
  }

  /// `ready`, `unreachable 12 s, was ready`.
  package var stateText: String {
    guard self.isLost else {
      return self.replica.report?.isUnproven == true ? "\(self.word) (unproven)" : self.word
    }
    let time = self.lostSeconds.map { " \(ReadableNumber.time($0))" } ?? ""
    let before = self.rememberedState.map { ", was \($0)" } ?? ""
    return "unreachable\(time)\(before)"
  }

  package var reason: String {
    let reason = self.replica.report?.reason ?? ""
    let reasons = [reason, self.replica.page.fault, self.node.gpuFault]
    return self.isLost ? self.node.fault : reasons.first { !$0.isEmpty } ?? ""
  }

  /// The lowest needs somebody first.
  package var urgency: Int {
    switch self.replica.report?.state {
    case .failed: 0
    case .stalled: 1
    case _ where self.isLost: 2
    case .busy: 3
    case .backoff: 4
    case .waiting, .starting, .loading, .canary, .draining, .stopping: 5
    case .stopped, nil: 6
    case .ready: 7
    }
  }
}

// MARK: JSON

extension FleetMoment {
  /// Events in an object, the newest.
  private static let eventCountMax = 50

  /// One object; what is unknown is `null`.
  package var json: JSONText {
    .object([
      ("run", .string(self.run)), ("time", .string(ChainEvent.time(self.milliseconds))),
      ("milliseconds", .integer(Int(self.milliseconds))),
      ("rollouts", self.rollouts.map { .integer(Int(clamping: $0.count)) } ?? .null),
      ("rollouts_per_second", JSONText(self.rollouts?.perSecond)),
      ("pages", .integer(self.state.pageCount)),
      ("services", .array(self.samples.map { .object($0.members) })),
      ("replicas", .array(self.rows.map(\.json))),
      ("nodes", .array(self.state.nodes.map(Self.json))),
      ("events", .array(self.latestEvents(Self.eventCountMax).map { .object($0.members()) })),
    ])
  }

  private static func json(_ node: FleetState.Node) -> JSONText {
    let gpus = node.gpus.map { gpu in
      JSONText.object([
        ("index", .integer(gpu.index)), ("name", .string(gpu.name)),
        ("utilization_percent", JSONText(gpu.utilizationPercent)),
        ("memory_used_mib", JSONText(gpu.memoryUsedMiB)),
        ("memory_total_mib", JSONText(gpu.memoryTotalMiB)),
        ("power_watts", JSONText(gpu.powerWatts)),
        ("temperature_celsius", JSONText(gpu.temperatureCelsius)),
        ("uncorrected_ecc_errors", JSONText(gpu.uncorrectedECCErrors)),
      ])
    }
    return .object([
      ("node", .string(node.name)), ("reached", .bool(node.isReached)),
      ("fault", .string(node.fault)), ("gpus", .array(gpus)),
      ("gpu_fault", .string(node.gpuFault)),
    ])
  }
}

extension FleetMoment.Row {
  fileprivate var json: JSONText {
    let report = self.replica.report
    return .object([
      ("service", .string(self.replica.key.service)), ("index", .integer(self.replica.key.index)),
      ("node", .string(self.replica.node)), ("state", .string(self.word)),
      ("last_state", JSONText(self.rememberedState)),
      ("since_milliseconds", report.map { .integer(Int($0.sinceMilliseconds)) } ?? .null),
      ("attempt", JSONText(report?.attempt)),
      ("unproven", .bool(report?.isUnproven == true)), ("reason", .string(self.reason)),
      ("unreachable_seconds", JSONText(self.lostSeconds)),
      ("running", JSONText(self.metrics.running)),
      ("waiting", JSONText(self.metrics.waiting)),
      ("kv_cache_usage", JSONText(self.metrics.cacheUsageMax)),
      ("generation_tokens_per_second", JSONText(self.metrics.generationTokensPerSecond)),
      ("prompt_tokens_per_second", JSONText(self.metrics.promptTokensPerSecond)),
      ("prefix_hit_rate", JSONText(self.metrics.prefixHitRate)),
      ("node_gpu_percent", JSONText(self.gpuPercent)),
      ("age_seconds", JSONText(self.ageSeconds)),
    ])
  }
}

extension ChainEvent {
  /// - Parameter word: The key of what happened.
  package func members(naming word: String = "event") -> [(String, JSONText)] {
    [
      ("time", .string(Self.time(self.milliseconds))),
      ("milliseconds", .integer(Int(self.milliseconds))), ("node", .string(self.node)),
      ("service", .string(self.service)),
      ("index", JSONText(self.replica?.index)),
      (word, .string(self.what)), ("reason", .string(self.reason)),
    ]
  }
}

/// The numbers of a service at one instant, as the journal keeps them; `nil` is unknown.
package struct ServiceSample: Codable, Equatable, Sendable {
  package typealias Times = FleetMetrics.Percentiles

  package var service: String
  package var replicaCount: Int
  package var readyCount: Int
  package var running: Double?
  package var waiting: Double?
  /// 0 to 1; so the hit rate.
  package var cacheUsageMax: Double?
  package var prefixHitRate: Double?
  package var promptTokensPerSecond: Double?
  package var generationTokensPerSecond: Double?
  package var gpuPercent: Double?
  package var ttft: Times?
  package var itl: Times?
  package var e2e: Times?
  package var queue: Times?
  package var verdict: String
  package var reason: String
  package var rollouts: UInt64?
  package var rolloutsPerSecond: Double?

  private enum CodingKeys: String, CodingKey {
    case service
    case replicaCount = "replicas"
    case readyCount = "ready"
    case running, waiting
    case cacheUsageMax = "kv_cache_usage_max"
    case prefixHitRate = "prefix_hit_rate"
    case promptTokensPerSecond = "prompt_tokens_per_second"
    case generationTokensPerSecond = "generation_tokens_per_second"
    case gpuPercent = "gpu_percent"
    case ttft = "ttft_seconds"
    case itl = "itl_seconds"
    case e2e = "e2e_seconds"
    case queue = "queue_seconds"
    case verdict, reason, rollouts
    case rolloutsPerSecond = "rollouts_per_second"
  }

  /// - Parameter readyCount: `busy` ones included.
  init(_ service: FleetState.Service, readyCount: Int, _ rollouts: FleetMoment.Rollouts?) {
    func finite(_ number: Double?) -> Double? { number.flatMap { $0.isFinite ? $0 : nil } }
    let metrics = service.metrics
    self.service = service.name
    self.replicaCount = service.replicas.count
    self.readyCount = readyCount
    self.running = finite(metrics.running)
    self.waiting = finite(metrics.waiting)
    self.cacheUsageMax = finite(metrics.cacheUsageMax)
    self.prefixHitRate = finite(metrics.prefixHitRate)
    self.promptTokensPerSecond = finite(metrics.promptTokensPerSecond)
    self.generationTokensPerSecond = finite(metrics.generationTokensPerSecond)
    self.gpuPercent = service.gpus.meanUtilizationPercent
    self.ttft = metrics.latencies[.firstToken]
    self.itl = metrics.latencies[.interToken]
    self.e2e = metrics.latencies[.endToEnd]
    self.queue = metrics.latencies[.queue]
    self.verdict = service.verdict.word.rawValue
    self.reason = service.verdict.reason
    self.rollouts = rollouts?.count
    self.rolloutsPerSecond = rollouts?.perSecond
  }

  /// - Returns: `nil` where `json` is not what ``json()`` wrote.
  package init?(json: String) {
    guard let sample: Self = try? CanonicalJSON.value(from: json.utf8) else { return nil }
    self = sample
  }

  /// One object; what is unknown is not in it.
  package func json() -> String {
    // Its numbers are finite: nothing in it cannot be written.
    (try? CanonicalJSON.bytes(of: self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// For people's programs: what is unknown is `null`.
  package var members: [(String, JSONText)] {
    [
      ("service", .string(self.service)), ("replicas", .integer(self.replicaCount)),
      ("ready", .integer(self.readyCount)), ("running", JSONText(self.running)),
      ("waiting", JSONText(self.waiting)), ("kv_cache_usage_max", JSONText(self.cacheUsageMax)),
      ("prefix_hit_rate", JSONText(self.prefixHitRate)),
      ("prompt_tokens_per_second", JSONText(self.promptTokensPerSecond)),
      ("generation_tokens_per_second", JSONText(self.generationTokensPerSecond)),
      ("ttft_seconds", JSONText(self.ttft)), ("itl_seconds", JSONText(self.itl)),
      ("e2e_seconds", JSONText(self.e2e)), ("queue_seconds", JSONText(self.queue)),
      ("gpu_percent", JSONText(self.gpuPercent)), ("verdict", .string(self.verdict)),
      ("reason", .string(self.reason)),
      ("rollouts", self.rollouts.map { .integer(Int(clamping: $0)) } ?? .null),
      ("rollouts_per_second", JSONText(self.rolloutsPerSecond)),
    ]
  }
}

extension JSONText {
  /// An object, its numbers `null` where there are none; a percentile of which a bound alone is known
  /// has that in `p50_below` or `p50_above`.
  init(_ times: FleetMetrics.Percentiles?) {
    var members = [("count", JSONText(times?.count)), ("mean", JSONText(times?.mean))]
    if let times {
      for (name, quantile) in times.quantiles {
        members.append((name, JSONText(quantile.estimate)))
        guard let bound = quantile.bound else { continue }
        members.append(("\(name)_\(bound.name)", .number(bound.value)))
      }
    } else {
      members += ["p50", "p90", "p99"].map { ($0, .null) }
    }
    self = .object(members)
  }
}

extension [GPUSample] {
  /// Of those that say it; `nil` where none does.
  var meanUtilizationPercent: Double? {
    let busy = self.compactMap(\.utilizationPercent).filter(\.isFinite)
    return busy.isEmpty ? nil : busy.reduce(0, +) / Double(busy.count)
  }
}
