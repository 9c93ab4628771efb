package import Coordinator
package import Fleet
import Launch
import ModelAPI
import Plan
package import Runs
import Synchronization
package import Telemetry

/// How often pages are fetched.
package enum ScrapePace: Equatable, Sendable {
  /// Between the two readings of ``twice``.
  package static let pause = Duration.seconds(1)

  case once
  case twice
  case watch(Duration)

  /// Pages of each endpoint after which it is enough.
  var count: Int {
    switch self {
    case .once: 1
    case .twice: 2
    case .watch: .max
    }
  }

  var interval: Duration {
    switch self {
    case .once, .twice: ScrapePace.pause
    case .watch(let interval): interval
    }
  }
}

/// Fetches pages of metrics, of endpoints directly and of a run's replicas through its agents, and knows
/// the last of each.
package final class ScrapeBoard<ClockType: Clock & Sendable>: Sendable
where ClockType.Duration == Duration {
  private struct State {
    var endpoints: [ScrapeReport.Endpoint]
    var scrape = EngineScrape()
    var fleet: FleetState?
    /// When a node last answered, and why one does not.
    var reached: [String: Duration] = [:]
    var faults: [String: NodeFault] = [:]
  }

  /// Between the first requests of two endpoints, so that a thousand are not one burst.
  private static var spread: Duration { .milliseconds(5) }

  private let watch: FleetWatch<ClockType>?
  private let pace: ScrapePace
  private let timeout: Duration
  private let clock: ClockType
  private let began: ClockType.Instant
  private let state: Mutex<State>

  /// - Parameters:
  ///   - fleet: The replicas of its newest run are scraped too, those that show metrics.
  ///   - timeout: That a page may take.
  package init(
    _ targets: [ScrapeTarget], of fleet: FleetContext? = nil, pace: ScrapePace, timeout: Duration,
    clock: ClockType
  ) async throws(RunFault) {
    (self.pace, self.timeout) = (pace, timeout)
    (self.clock, self.began) = (clock, clock.now)
    let run = try await fleet?.liveRun()
    if let fleet, let run {
      let replicas = run.plan.services.flatMap(\.replicas).filter { $0.launch.metricsPlace != nil }
      let nodes = Set(replicas.map(\.node))
      self.watch = FleetWatch(
        run.plan.nodes.filter { nodes.contains($0.name) }, NodeScrapeRequest(every: pace.interval),
        agents: fleet.observers(of: run.id, placing: run.plan), clock: clock)
    } else {
      self.watch = nil
    }
    let endpoints = targets.map { ScrapeReport.Endpoint(name: $0.name, url: $0.url) }
    self.state = Mutex(State(endpoints: endpoints, fleet: run.map { FleetState(plan: $0.plan) }))
  }

  /// What is known now of each and of all.
  package func report(_ window: LatencyWindow) -> ScrapeReport {
    let (now, state) = (self.now, self.state.withLock(\.self))
    let replicas = Self.shown(state).map { replica in
      var endpoint = ScrapeReport.Endpoint(
        name: "\(replica.key)", labels: .of(replica.key, on: replica.node))
      endpoint.page = replica.page
      if let fault = state.faults[replica.node] { endpoint.page.miss(fault.diagnostic.summary) }
      return endpoint
    }
    return ScrapeReport(state.endpoints + replicas, window, at: now)
  }

  private static func shown(_ state: State) -> [FleetState.Replica] {
    state.fleet?.replicas.filter(\.showsMetrics) ?? []
  }

  private var now: Duration { self.began.duration(to: self.clock.now) }

  /// Ends when each endpoint has been asked as often as wanted; never while it watches.
  ///
  /// - Returns: The faults of nodes that could not be asked.
  package func run() async throws -> [NodeFault] {
    let direct = self.state.withLock(\.endpoints)
    try await HTTPScraper.with(timeout: self.timeout, clock: self.clock) { scraper in
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        let begin = ScrapeSchedule(every: Self.spread * max(1, direct.count))
        for (index, endpoint) in direct.enumerated() {
          let first = begin.offset(of: endpoint.name)
          tasks.addTask { try await self.fetch(endpoint, index, first, scraper) }
        }
        if let watch { tasks.addTask { await self.follow(watch) } }
        try await tasks.waitForAll()
      }
    }
    return self.state.withLock { $0.faults.sorted { $0.key < $1.key }.map(\.value) }
  }

  private func fetch(
    _ endpoint: ScrapeReport.Endpoint, _ index: Int, _ first: Duration, _ scraper: HTTPScraper
  ) async throws {
    let clock = self.clock
    let start = clock.now
    let schedule = ScrapeSchedule(every: self.pace.interval)
    try await clock.sleep(for: first)
    for count in 1... {
      let begin = clock.now
      do throws(HTTPScrapeFault) {
        let page = try await scraper.page(endpoint.url ?? "")
        let made = start.duration(to: clock.now)
        let now = self.now
        self.state.withLock { state in
          state.endpoints[index].page.add(page, madeAt: made, at: now, with: &state.scrape)
        }
      } catch {
        self.miss("\(error)", from: index)
      }
      guard count < self.pace.count else { return }
      switch self.pace {
      case .once, .twice:
        try await clock.sleep(until: begin.advanced(by: ScrapePace.pause), tolerance: nil)
      case .watch:
        let next = schedule.next(of: endpoint.name, after: start.duration(to: clock.now))
        try await clock.sleep(until: start.advanced(by: next), tolerance: nil)
      }
    }
  }

  /// No page came of an endpoint that is asked directly, and why.
  package func miss(_ fault: String, from index: Int) {
    self.state.withLock { $0.endpoints[index].page.miss(fault) }
  }

  // MARK: Agents

  private func follow(_ watch: FleetWatch<ClockType>) async {
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await watch.run { self.see($0) } }
      tasks.addTask {
        while !self.hasEnough, (try? await self.clock.sleep(for: .milliseconds(50))) != nil {}
      }
      await tasks.next()
      tasks.cancelAll()
    }
  }

  private func see(_ sight: FleetSight) {
    let now = self.now
    self.state.withLock { state in
      state.fleet?.see(sight, at: now)
      switch sight {
      case .reached(let node): (state.reached[node], state.faults[node]) = (now, nil)
      case .lost(let fault): state.faults[fault.node] = fault
      case .reported, .happened, .scraped: break
      }
    }
  }

  /// Whether each replica has shown as many pages as wanted, or cannot: a node that does not answer is
  /// waited for no longer, nor is a replica that shows no metrics longer than its pages may take.
  private var hasEnough: Bool {
    let (now, count) = (self.now, self.pace.count)
    let timeMax = ScrapePace.pause * 2 + self.timeout
    return self.state.withLock { state in
      count < .max
        && Self.shown(state).allSatisfy { replica in
          replica.page.tryCount >= count || state.faults[replica.node] != nil
            || state.reached[replica.node].map { now - $0 >= timeMax } ?? false
        }
    }
  }
}

/// What is known of endpoints at one instant, each and together.
package struct ScrapeReport: Sendable {
  package struct Endpoint: Sendable {
    package let name: String
    /// Where it is reached directly; `nil` through an agent.
    package var url: String?
    /// Of a run's replica: `node`, `service`, `replica`.
    package var labels: [MetricsMerge.Label] = []
    package fileprivate(set) var page = EndpointPage()

    package var node: String? { self.labels.first { $0.name == "node" }?.value }
  }

  package let endpoints: [Endpoint]
  package let fleet: FleetMetrics
  private let window: LatencyWindow
  private let now: Duration

  /// - Parameter now: As the endpoints' pages have it.
  init(_ endpoints: [Endpoint], _ window: LatencyWindow, at now: Duration) {
    self.endpoints = endpoints
    self.window = window
    self.fleet = FleetMetrics(endpoints.map(\.page), latencies: window)
    self.now = now
  }

  package func metrics(of endpoint: Endpoint) -> FleetMetrics {
    FleetMetrics([endpoint.page], latencies: self.window)
  }

  /// Of its page; `nil` before the first.
  package func ageSeconds(of endpoint: Endpoint) -> Double? {
    endpoint.page.arrived.map { (self.now - $0) / .seconds(1) }
  }

  /// Why there is no page; empty where there is one.
  package static func fault(of endpoint: Endpoint) -> String {
    endpoint.page.tryCount == 0 ? "no page came" : endpoint.page.fault
  }

  package var hasAnswers: Bool { self.endpoints.contains { $0.page.text != nil } }

  // MARK: JSON

  /// One object; unknown numbers are `null`.
  package var json: JSONText {
    let endpoints = self.endpoints.map { endpoint in
      let metrics = self.metrics(of: endpoint)
      return JSONText.object(
        [("endpoint", .string(endpoint.name))]
          + endpoint.labels.map { ($0.name, JSONText.string($0.value)) }
          + [
            ("answered", .bool(endpoint.page.text != nil)),
            ("fault", .string(Self.fault(of: endpoint))),
            ("started_anew", .bool(endpoint.page.interval?.startedAnew == true)),
            ("age_seconds", JSONText(self.ageSeconds(of: endpoint))),
          ] + Self.members(metrics))
    }
    let fleet = JSONText.object(
      [
        ("endpoints", .integer(self.fleet.endpointCount)),
        ("answered", .integer(self.fleet.answeredCount)),
      ] + Self.members(self.fleet))
    return .object([("endpoints", .array(endpoints)), ("fleet", fleet)])
  }

  private static func members(_ metrics: FleetMetrics) -> [(String, JSONText)] {
    [
      ("running", JSONText(metrics.running)), ("waiting", JSONText(metrics.waiting)),
      ("waiting_max", JSONText(metrics.waitingMax)),
      ("kv_cache_usage_max", JSONText(metrics.cacheUsageMax)),
      ("generation_tokens_per_second", JSONText(metrics.generationTokensPerSecond)),
      ("prompt_tokens_per_second", JSONText(metrics.promptTokensPerSecond)),
      ("requests_per_second", JSONText(metrics.requestsPerSecond)),
      ("preemptions_per_second", JSONText(metrics.preemptionsPerSecond)),
      ("prefix_hit_rate", JSONText(metrics.prefixHitRate)),
    ]
      + EngineLatency.allCases.map { latency in
        ("\(latency.rawValue)_seconds", JSONText(metrics.latencies[latency]))
      }
  }

  // MARK: Prometheus

  /// Every sample of every page, and whether each endpoint answered.
  package var merged: MetricsMerge {
    var merge = MetricsMerge()
    var page = MetricsPage()
    for endpoint in self.endpoints {
      let labels = [MetricsMerge.Label("endpoint", endpoint.name)] + endpoint.labels
      if let text = endpoint.page.text, (try? page.read(text)) != nil {
        merge.add(page, labels: labels)
      }
      merge.add(
        "muster_endpoint_up", endpoint.page.text == nil ? 0 : 1,
        help: "Whether a page of metrics came.", labels: labels)
    }
    return merge
  }
}

extension [MetricsMerge.Label] {
  static func of(_ key: ReplicaKey, on node: String) -> Self {
    [
      .init("node", node), .init("service", key.service), .init("replica", "\(key.index)"),
    ]
  }
}
