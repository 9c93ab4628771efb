/// What an engine did between two readings of one endpoint; `nil` where one of them does not say.
package struct EngineInterval: Equatable, Sendable {
  /// Positive.
  package var duration: Duration
  /// A counter fell, or the process began later: what happened in between is not known, and all
  /// below is `nil` or empty.
  package var startedAnew = false
  package var promptTokens: Double?
  package var generationTokens: Double?
  package var finished: Double?
  package var preemptions: Double?
  package var steps: Double?
  package var prefixQueries: Double?
  package var prefixHits: Double?
  /// How much longer the queue is than it was; negative where it is shorter.
  package var waitingGrowth: Double?
  package var latencies: [EngineLatency: MetricHistogram] = [:]

  package init(duration: Duration) {
    precondition(duration > .zero, "an interval of \(duration)")
    self.duration = duration
  }

  /// Tokens or requests a second.
  package func rate(_ count: Double?) -> Double? {
    count.map { $0 / (self.duration / .seconds(1)) }
  }

  /// 0 to 1; `nil` where nothing was asked for.
  package var prefixHitRate: Double? {
    guard let queries = self.prefixQueries, let hits = self.prefixHits, queries > 0 else {
      return nil
    }
    return hits / queries
  }
}

extension EngineReading {
  /// - Parameter duration: From the earlier reading to this one; positive.
  package func since(_ earlier: EngineReading, after duration: Duration) -> EngineInterval {
    var interval = EngineInterval(duration: duration)
    guard !self.isOfAnotherLife(than: earlier) else {
      interval.startedAnew = true
      return interval
    }
    func growth(_ value: KeyPath<EngineReading, Double?>) -> Double? {
      guard let now = self[keyPath: value], let before = earlier[keyPath: value] else { return nil }
      return now - before
    }
    interval.promptTokens = growth(\.promptTokens)
    interval.generationTokens = growth(\.generationTokens)
    interval.finished = growth(\.finished)
    interval.preemptions = growth(\.preemptions)
    interval.steps = growth(\.steps)
    interval.prefixQueries = growth(\.prefixQueries)
    interval.prefixHits = growth(\.prefixHits)
    interval.waitingGrowth = growth(\.waiting)
    for latency in EngineLatency.allCases {
      guard let before = earlier.latencies[latency] else { continue }
      interval.latencies[latency] = self.latencies[latency]?.since(before)
    }
    return interval
  }

  private func isOfAnotherLife(than earlier: EngineReading) -> Bool {
    func fell(_ now: Double?, _ before: Double?) -> Bool {
      guard let now, let before else { return false }
      return now < before
    }
    if let now = self.processStart, let before = earlier.processStart, now != before { return true }
    return zip(self.counters, earlier.counters).contains { fell($0, $1) }
      || EngineLatency.allCases.contains {
        fell(self.latencies[$0]?.count, earlier.latencies[$0]?.count)
      }
  }
}

/// The last reading of one endpoint, to measure the next one against.
package struct EngineHistory: Equatable, Sendable {
  /// `nil` before the first.
  package private(set) var reading: EngineReading?
  private var instant = Duration.zero

  package init() {}

  /// - Parameter instant: By the clock of whoever scraped, since a point of its own.
  /// - Returns: `nil` for the first reading, and for one that is not later than the last.
  package mutating func add(_ reading: EngineReading, at instant: Duration) -> EngineInterval? {
    defer { (self.reading, self.instant) = (reading, instant) }
    guard let last = self.reading, instant > self.instant else { return nil }
    return reading.since(last, after: instant - self.instant)
  }
}
