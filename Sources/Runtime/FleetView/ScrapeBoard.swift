import Coordinator
package import Fleet
import Launch
import Synchronization
package import Telemetry

/// The last that is known of each endpoint that is scraped.
package final class ScrapeBoard: Sendable {
  package struct Endpoint: Sendable {
    package let name: String
    /// Where it is reached directly; `nil` through an agent.
    package let url: String?
    /// Of a run's replica: `node`, `service`, `replica`.
    package let labels: [MetricsMerge.Label]
    package fileprivate(set) var page = EndpointPage()

    package var node: String? { self.labels.first { $0.name == "node" }?.value }
  }

  private struct State {
    var endpoints: [Endpoint]
    var scrape = EngineScrape()
  }

  private let state: Mutex<State>
  private let now: @Sendable () -> Duration

  /// - Parameter now: Since a point of its own.
  package init(_ targets: [ScrapeTarget], now: @escaping @Sendable () -> Duration) {
    let endpoints = targets.map { Endpoint(name: $0.name, url: $0.url, labels: []) }
    self.state = Mutex(State(endpoints: endpoints))
    self.now = now
  }

  package var count: Int { self.state.withLock { $0.endpoints.count } }

  package func snapshot() -> [Endpoint] { self.state.withLock { $0.endpoints } }

  /// - Returns: The endpoint's index.
  func append(_ name: String, labels: [MetricsMerge.Label]) -> Int {
    self.state.withLock { state in
      state.endpoints.append(Endpoint(name: name, url: nil, labels: labels))
      return state.endpoints.count - 1
    }
  }

  /// - Parameter instant: When the page was made, since a point of the endpoint's own.
  func add(_ text: [UInt8], from index: Int, at instant: Duration) {
    let now = self.now()
    self.state.withLock { state in
      state.endpoints[index].page.add(text, madeAt: instant, at: now, with: &state.scrape)
    }
  }

  /// What an agent passed on.
  func add(_ page: NodePage, from index: Int) {
    let now = self.now()
    self.state.withLock { state in
      state.endpoints[index].page.add(page, at: now, with: &state.scrape)
    }
  }

  func add(fault: String, from index: Int) {
    self.state.withLock { $0.endpoints[index].page.miss(fault) }
  }

  /// How often each of some endpoints has been tried, the least of them.
  func tryCount(ofAll indices: [Int]) -> Int {
    self.state.withLock { state in
      indices.map { state.endpoints[$0].page.tryCount }.min() ?? .max
    }
  }

  /// What is known now of each and of all.
  package func report(_ window: LatencyWindow) -> ScrapeReport {
    ScrapeReport(self.snapshot(), window, at: self.now())
  }
}

/// What is known of endpoints at one instant, each and together.
package struct ScrapeReport: Sendable {
  package let endpoints: [ScrapeBoard.Endpoint]
  package let fleet: FleetMetrics
  private let window: LatencyWindow
  private let now: Duration

  /// - Parameter now: As the endpoints' pages have it.
  init(_ endpoints: [ScrapeBoard.Endpoint], _ window: LatencyWindow, at now: Duration) {
    self.endpoints = endpoints
    self.window = window
    self.fleet = FleetMetrics(endpoints.map(\.page), latencies: window)
    self.now = now
  }

  package func metrics(of endpoint: ScrapeBoard.Endpoint) -> FleetMetrics {
    FleetMetrics([endpoint.page], latencies: self.window)
  }

  /// Of its page; `nil` before the first.
  package func ageSeconds(of endpoint: ScrapeBoard.Endpoint) -> Double? {
    endpoint.page.arrived.map { (self.now - $0) / .seconds(1) }
  }

  /// Why there is no page; empty where there is one.
  package static func fault(of endpoint: ScrapeBoard.Endpoint) -> String {
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
  /// Of a run's replica.
  static func of(_ key: ReplicaKey, on node: String) -> Self {
    [
      .init("node", node), .init("service", key.service), .init("replica", "\(key.index)"),
    ]
  }
}
