/// What is known of one endpoint.
package struct EndpointMetrics: Equatable, Sendable {
  /// The worst first.
  package enum Health: Int, Comparable, Sendable {
    /// No page came.
    case silent
    /// A page came, and no engine is on it.
    case noEngine
    case answered

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
  }

  package var name: String
  /// `nil` where no page came.
  package var reading: EngineReading?
  /// Since the reading before; `nil` without one.
  package var interval: EngineInterval?

  package init(name: String, reading: EngineReading? = nil, interval: EngineInterval? = nil) {
    self.name = name
    self.reading = reading
    self.interval = interval
  }

  package var health: Health {
    guard let reading = self.reading else { return .silent }
    return reading.hasEngine ? .answered : .noEngine
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
  package struct Percentiles: Equatable, Sendable {
    /// Observations that the rest was drawn from; above 0.
    package var count: Double
    /// In seconds.
    package var p50: Double
    package var p90: Double
    package var p99: Double
  }

  package let endpointCount: Int
  /// Of those, how many showed an engine.
  package let answeredCount: Int
  /// Whose server began anew since the last reading: no rate of theirs is in the sums.
  package let startedAnewCount: Int
  /// The worst; `nil` without endpoints.
  package let health: EndpointMetrics.Health?
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

  package init(_ endpoints: [EndpointMetrics], latencies window: LatencyWindow = .interval) {
    let readings = endpoints.compactMap(\.reading)
    let intervals = endpoints.compactMap(\.interval)
    func sum(_ numbers: [Double?]) -> Double? {
      numbers.compactMap(\.self).reduce(nil) { ($0 ?? 0) + $1 }
    }
    func rates(_ count: KeyPath<EngineInterval, Double?>) -> Double? {
      sum(intervals.map { $0.rate($0[keyPath: count]) })
    }
    self.endpointCount = endpoints.count
    self.answeredCount = endpoints.count { $0.health == .answered }
    self.startedAnewCount = intervals.count(where: \.startedAnew)
    self.health = endpoints.map(\.health).min()
    self.running = sum(readings.map(\.running))
    self.waiting = sum(readings.map(\.waiting))
    self.waitingGrowth = sum(intervals.map(\.waitingGrowth))
    self.waitingMax = readings.compactMap(\.waiting).max()
    self.cacheUsageMax = readings.compactMap(\.cacheUsage).max()
    self.promptTokensPerSecond = rates(\.promptTokens)
    self.generationTokensPerSecond = rates(\.generationTokens)
    self.requestsPerSecond = rates(\.finished)
    self.preemptionsPerSecond = rates(\.preemptions)
    self.prefixHitRate = Self.hitRate(endpoints, window)
    self.latencies = EngineLatency.allCases.reduce(into: [:]) { latencies, latency in
      let histograms =
        switch window {
        case .interval: intervals.compactMap { $0.latencies[latency] }
        case .sinceStart: readings.compactMap { $0.latencies[latency] }
        }
      latencies[latency] = MetricHistogram.pooled(histograms).flatMap(Percentiles.init)
    }
  }

  /// Of those endpoints that say both numbers.
  private static func hitRate(_ endpoints: [EndpointMetrics], _ window: LatencyWindow) -> Double? {
    var (hits, queries) = (0.0, 0.0)
    for endpoint in endpoints {
      let (found, asked) =
        switch window {
        case .interval: (endpoint.interval?.prefixHits, endpoint.interval?.prefixQueries)
        case .sinceStart: (endpoint.reading?.prefixHits, endpoint.reading?.prefixQueries)
        }
      guard let found, let asked else { continue }
      hits += found
      queries += asked
    }
    return queries > 0 ? hits / queries : nil
  }
}

extension FleetMetrics.Percentiles {
  /// `nil` without observations.
  init?(_ histogram: MetricHistogram) {
    guard let p50 = histogram.quantile(0.5), let p90 = histogram.quantile(0.9),
      let p99 = histogram.quantile(0.99)
    else { return nil }
    self.init(count: histogram.count, p50: p50, p90: p90, p99: p99)
  }
}
