package import Fleet
package import Telemetry

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
    self.fleet = FleetMetrics(endpoints.map(\.metrics), latencies: window)
    self.now = now
  }

  package func metrics(of endpoint: ScrapeBoard.Endpoint) -> FleetMetrics {
    FleetMetrics([endpoint.metrics], latencies: self.window)
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
        let times = metrics.latencies[latency]
        return (
          "\(latency.rawValue)_seconds",
          .object([
            ("count", JSONText(times?.count)), ("p50", JSONText(times?.p50)),
            ("p90", JSONText(times?.p90)), ("p99", JSONText(times?.p99)),
          ])
        )
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
        gauge: "muster_endpoint_up", endpoint.page.text == nil ? 0 : 1,
        help: "Whether a page of metrics came.", labels: labels)
    }
    return merge
  }
}
