/// The last that is known of an endpoint that is scraped. It reads no clock; instants are passed in.
package struct EndpointPage: Sendable {
  /// As it came; `nil` where the last try brought none.
  package private(set) var text: [UInt8]?
  /// When the last page came, since a point of the caller's own; `nil` before the first.
  package private(set) var arrived: Duration?
  /// Between the last two pages; `nil` where the last try brought none.
  package private(set) var interval: EngineInterval?
  /// Why there is no page, or no engine on it, in words; empty where there is one.
  package private(set) var fault = ""
  /// Tries so far.
  package private(set) var tryCount = 0
  private var last: (reading: EngineReading, instant: Duration)?

  /// Without arguments one of which nothing is known yet.
  package init(reading: EngineReading? = nil, interval: EngineInterval? = nil) {
    self.text = reading.map { _ in [] }
    self.interval = interval
    self.last = reading.map { ($0, .zero) }
  }

  /// What the page says; `nil` where the last try brought none.
  package var reading: EngineReading? { self.text == nil ? nil : self.last?.reading }

  /// A page came.
  ///
  /// - Parameters:
  ///   - instant: When it was made, by the endpoint's clock: the way of a page may take longer than
  ///     that of the one before.
  ///   - scrape: Reads it.
  package mutating func add(
    _ text: [UInt8], madeAt instant: Duration, at now: Duration, with scrape: inout EngineScrape
  ) {
    do throws(MetricsTextError) {
      let reading = try scrape.read(text)
      self.interval = self.last.flatMap { last in
        instant > last.instant
          ? reading.since(last.reading, after: instant - last.instant) : nil
      }
      self.last = (reading, instant)
      (self.text, self.arrived) = (text, now)
      self.fault = reading.hasEngine ? "" : "no engine on its page"
      self.tryCount += 1
    } catch {
      self.miss("its page is no text of metrics: \(error)")
    }
  }

  /// No page came, and why.
  package mutating func miss(_ fault: String) {
    self.forget()
    self.fault = fault
    self.tryCount += 1
  }

  /// What it does at present is not known: a page to come is compared with the last one all the same.
  package mutating func forget() {
    (self.text, self.interval, self.fault) = (nil, nil, "")
  }
}

/// What the times of requests are drawn from.
package enum LatencyWindow: Sendable {
  /// What was observed between the last two readings.
  case interval
  /// All since the server started: for a single reading.
  case sinceStart
}

/// The endpoints of a service together: sums of counts, the largest of what means pressure, the least
/// of what means health, percentiles of pooled buckets.
///
/// Each number is drawn from the endpoints that say it, and is `nil` where none does.
package struct FleetMetrics: Equatable, Sendable {
  /// Finite numbers.
  package struct Percentiles: Equatable, Sendable {
    /// Observations that the rest was drawn from; above 0.
    package var count: Double
    /// In seconds, as all below; `nil` where their sum is unknown.
    package var mean: Double?
    package var p50: HistogramQuantile
    package var p90: HistogramQuantile
    package var p99: HistogramQuantile
  }

  package let endpointCount: Int
  /// Of those, how many showed an engine.
  package let answeredCount: Int
  package let running: Double?
  package let waiting: Double?
  package let waitingGrowth: Double?
  /// Of the endpoint with the longest queue.
  package let waitingMax: Double?
  /// 0 to 1; of the fullest.
  package let cacheUsageMax: Double?
  package let promptTokensPerSecond: Double?
  package let generationTokensPerSecond: Double?
  package let requestsPerSecond: Double?
  package let preemptionsPerSecond: Double?
  /// 0 to 1; of all tokens together.
  package let prefixHitRate: Double?
  package let latencies: [EngineLatency: Percentiles]

  package init(_ pages: [EndpointPage], latencies window: LatencyWindow = .interval) {
    let readings = pages.compactMap(\.reading)
    let intervals = pages.compactMap(\.interval)
    let observed = window == .interval ? intervals.map(\.growth) : readings
    func sum(_ numbers: [Double?]) -> Double? {
      numbers.compactMap(\.self).reduce(nil) { ($0 ?? 0) + $1 }
    }
    func rates(_ count: KeyPath<EngineReading, Double?>) -> Double? {
      sum(intervals.map { $0.rate(count) })
    }
    self.endpointCount = pages.count
    self.answeredCount = readings.count(where: \.hasEngine)
    self.running = sum(readings.map(\.running))
    self.waiting = sum(readings.map(\.waiting))
    self.waitingGrowth = sum(intervals.map(\.growth.waiting))
    self.waitingMax = readings.compactMap(\.waiting).max()
    self.cacheUsageMax = readings.compactMap(\.cacheUsage).max()
    self.promptTokensPerSecond = rates(\.promptTokens)
    self.generationTokensPerSecond = rates(\.generationTokens)
    self.requestsPerSecond = rates(\.finished)
    self.preemptionsPerSecond = rates(\.preemptions)
    // Of those that say both numbers.
    let cached = observed.filter { $0.prefixHits != nil && $0.prefixQueries != nil }
    let queries = sum(cached.map(\.prefixQueries)) ?? 0
    let hitRate = queries > 0 ? sum(cached.map(\.prefixHits)).map { $0 / queries } : nil
    self.prefixHitRate = hitRate.flatMap { (0...1).contains($0) ? $0 : nil }
    self.latencies = EngineLatency.allCases.reduce(into: [:]) { latencies, latency in
      let histograms = observed.compactMap { $0.latencies[latency] }
      latencies[latency] = MetricHistogram.pooled(histograms).flatMap(Percentiles.init)
    }
  }
}

extension FleetMetrics.Percentiles {
  /// `nil` without observations, and where a percentile is no finite number.
  init?(_ histogram: MetricHistogram) {
    guard let p50 = histogram.quantile(0.5), let p90 = histogram.quantile(0.9),
      let p99 = histogram.quantile(0.99), [p50, p90, p99].allSatisfy(\.isFinite),
      histogram.count.isFinite
    else { return nil }
    self.init(count: histogram.count, mean: histogram.mean, p50: p50, p90: p90, p99: p99)
  }

  /// Each by its name.
  package var quantiles: [(name: String, value: HistogramQuantile)] {
    [("p50", self.p50), ("p90", self.p90), ("p99", self.p99)]
  }
}

/// As `{"count":3,"mean":0.1,"p50_below":0.3,"p90":1.2,"p99_above":2560}`: a bound has the name of a bound.
extension FleetMetrics.Percentiles: Codable {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    func number(_ name: String) throws -> Double? {
      try container.decodeIfPresent(Double.self, forKey: Key(stringValue: name))
    }
    func quantile(_ name: String) throws -> HistogramQuantile {
      if let bound = try number("\(name)_below") { return .upTo(bound) }
      if let bound = try number("\(name)_above") { return .above(bound) }
      return .about(try container.decode(Double.self, forKey: Key(stringValue: name)))
    }
    self.init(
      count: try container.decode(Double.self, forKey: Key(stringValue: "count")),
      mean: try number("mean"), p50: try quantile("p50"), p90: try quantile("p90"),
      p99: try quantile("p99"))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(self.count, forKey: Key(stringValue: "count"))
    try container.encodeIfPresent(self.mean, forKey: Key(stringValue: "mean"))
    for (name, quantile) in self.quantiles {
      let bound = quantile.bound
      let key = bound.map { "\(name)_\($0.name)" } ?? name
      try container.encode(bound?.value ?? quantile.estimate, forKey: Key(stringValue: key))
    }
  }
}
