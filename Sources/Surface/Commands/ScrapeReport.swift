import Fleet
import Telemetry
import Terminal

/// What `muster scrape` shows of a board.
struct ScrapeReport {
  let endpoints: [ScrapeBoard.Endpoint]
  let fleet: FleetMetrics
  private let window: LatencyWindow
  private let now: ContinuousClock.Instant

  init(_ endpoints: [ScrapeBoard.Endpoint], _ window: LatencyWindow) {
    self.endpoints = endpoints
    self.window = window
    self.fleet = FleetMetrics(endpoints.map(\.metrics), latencies: window)
    self.now = ContinuousClock().now
  }

  func text(_ format: Scrape.Format) -> String {
    switch format {
    case .table: self.table
    case .json: self.json
    case .prometheus: String(decoding: self.merged.text(), as: UTF8.self)
    }
  }

  // MARK: Table

  private var table: String {
    let hasNodes = self.endpoints.contains { $0.node != nil }
    var columns: [Table.Column] = [.init("ENDPOINT")]
    if hasNodes { columns.append(.init("NODE")) }
    columns += ["RUN", "WAIT", "KV%", "TOK/S", "HIT%", "TTFT p50", "p99", "AGE"]
      .map { .init($0, .right) }
    columns.append(.init(""))
    var table = Table(columns)
    for endpoint in self.endpoints {
      let metrics = FleetMetrics([endpoint.metrics], latencies: self.window)
      let age = endpoint.arrived.map { Self.seconds($0.duration(to: self.now) / .seconds(1)) }
      table.append(
        [endpoint.name] + (hasNodes ? [endpoint.node ?? ""] : []) + Self.cells(metrics)
          + [age ?? "?", Self.note(endpoint)])
    }
    table.append(
      ["fleet \(self.fleet.answeredCount)/\(self.fleet.endpointCount)"] + (hasNodes ? [""] : [])
        + Self.cells(self.fleet) + ["", ""])
    return table.rendered()
  }

  /// What is not known is `?`, never 0.
  private static func cells(_ metrics: FleetMetrics) -> [String] {
    let first = metrics.latencies[.firstToken]
    return [
      Self.number(metrics.running), Self.number(metrics.waiting),
      Self.number(metrics.cacheUsageMax.map { $0 * 100 }, digits: 1),
      Self.number(metrics.generationTokensPerSecond),
      Self.number(metrics.prefixHitRate.map { $0 * 100 }, digits: 1),
      first.map { Self.seconds($0.p50) } ?? "?", first.map { Self.seconds($0.p99) } ?? "?",
    ]
  }

  private static func note(_ endpoint: ScrapeBoard.Endpoint) -> String {
    if !endpoint.fault.isEmpty { return endpoint.fault }
    return endpoint.interval?.startedAnew == true ? "started anew" : ""
  }

  private static func number(_ value: Double?, digits: Int = 0) -> String {
    guard let value, value.isFinite, abs(value) < 1e15 else { return "?" }
    guard digits > 0 else { return "\(Int(value.rounded()))" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(abs(tenths % 10))"
  }

  /// `87 ms`, `1.5 s`, `240 s`.
  private static func seconds(_ value: Double) -> String {
    guard value >= 1 else { return "\(Int((value * 1000).rounded())) ms" }
    return value < 100 ? "\(Self.number(value, digits: 1)) s" : "\(Self.number(value)) s"
  }

  // MARK: JSON

  /// One object on a line; unknown numbers are `null`.
  private var json: String {
    let endpoints = self.endpoints.map { endpoint in
      let metrics = FleetMetrics([endpoint.metrics], latencies: self.window)
      let age = endpoint.arrived.map { $0.duration(to: self.now) / .seconds(1) }
      return JSONText.object(
        [("endpoint", .string(endpoint.name))]
          + endpoint.labels.map { ($0.name, JSONText.string($0.value)) }
          + [
            ("answered", .bool(endpoint.text != nil)), ("fault", .string(endpoint.fault)),
            ("started_anew", .bool(endpoint.interval?.startedAnew == true)),
            ("age_seconds", Self.json(age)),
          ] + Self.members(metrics))
    }
    let fleet = JSONText.object(
      [
        ("endpoints", .integer(self.fleet.endpointCount)),
        ("answered", .integer(self.fleet.answeredCount)),
      ] + Self.members(self.fleet))
    return JSONText.object([("endpoints", .array(endpoints)), ("fleet", fleet)]).text + "\n"
  }

  private static func members(_ metrics: FleetMetrics) -> [(String, JSONText)] {
    [
      ("running", Self.json(metrics.running)), ("waiting", Self.json(metrics.waiting)),
      ("waiting_max", Self.json(metrics.waitingMax)),
      ("kv_cache_usage_max", Self.json(metrics.cacheUsageMax)),
      ("generation_tokens_per_second", Self.json(metrics.generationTokensPerSecond)),
      ("prompt_tokens_per_second", Self.json(metrics.promptTokensPerSecond)),
      ("requests_per_second", Self.json(metrics.requestsPerSecond)),
      ("preemptions_per_second", Self.json(metrics.preemptionsPerSecond)),
      ("prefix_hit_rate", Self.json(metrics.prefixHitRate)),
    ]
      + EngineLatency.allCases.map { latency in
        let times = metrics.latencies[latency]
        return (
          "\(latency.rawValue)_seconds",
          .object([
            ("count", Self.json(times?.count)), ("p50", Self.json(times?.p50)),
            ("p90", Self.json(times?.p90)), ("p99", Self.json(times?.p99)),
          ])
        )
      }
  }

  private static func json(_ value: Double?) -> JSONText { value.map { .number($0) } ?? .null }

  // MARK: Prometheus

  /// Every sample of every page, and whether each endpoint answered.
  private var merged: MetricsMerge {
    var merge = MetricsMerge()
    var page = MetricsPage()
    for endpoint in self.endpoints {
      let labels = [MetricsMerge.Label("endpoint", endpoint.name)] + endpoint.labels
      if let text = endpoint.text, (try? page.read(text)) != nil {
        merge.add(page, labels: labels)
      }
      merge.add(
        gauge: "muster_endpoint_up", endpoint.text == nil ? 0 : 1,
        help: "Whether a page of metrics came.", labels: labels)
    }
    return merge
  }
}
