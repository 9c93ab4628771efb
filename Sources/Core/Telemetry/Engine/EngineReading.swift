/// What one page of a model server says, pooled over its engines.
///
/// What is not on the page is `nil`, never 0: a family that a version renamed is unknown, not idle.
package struct EngineReading: Equatable, Sendable {
  /// Requests in the batch and before it, by the engine's last step: a hung engine's stay.
  package var running: Double?
  package var waiting: Double?
  /// 0 to 1; of the fullest engine.
  package var cacheUsage: Double?
  /// Tokens asked for in the prefix cache and found there, since the server started; so all below.
  package var prefixQueries: Double?
  package var prefixHits: Double?
  /// Cached ones included.
  package var promptTokens: Double?
  package var generationTokens: Double?
  /// Steps that gave output, and tokens computed in them.
  package var steps: Double?
  package var stepTokens: Double?
  package var preemptions: Double?
  /// Requests, whatever their reason; a client that hangs up is counted nowhere.
  package var finished: Double?
  /// In seconds since 1970.
  package var processStart: Double?
  package var latencies: [EngineLatency: MetricHistogram] = [:]
  /// Whether ``running`` and ``waiting`` may be of a while ago, when the engine has come to rest since.
  package var countsAge = false
  /// What changes when its engines step, and with nothing else; in a fixed order.
  package var movement: [Double?] = []

  package init() {}

  /// Whether any family of an engine is on the page.
  package var hasEngine: Bool {
    let numbers = Self.counters + [\.running, \.waiting, \.cacheUsage]
    return numbers.contains { self[keyPath: $0] != nil } || !self.latencies.isEmpty
  }

  /// What only grows while a server lives.
  private static var counters: [WritableKeyPath<Self, Double?>] {
    [
      \.prefixQueries, \.prefixHits, \.promptTokens, \.generationTokens, \.steps, \.stepTokens,
      \.preemptions, \.finished,
    ]
  }
}

/// Reads pages of engines one after another with one piece of memory.
package struct EngineScrape: Sendable {
  private var scrape = FamilyScrape(EngineFamily.catalogue)

  package init() {}

  /// - Throws: as ``MetricsPage/read(_:)``.
  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) -> EngineReading {
    try self.scrape.read(text)
    var reading = EngineReading()
    reading.running = self.scrape.sum(.running)
    reading.waiting = self.scrape.sum(.waiting)
    reading.cacheUsage = self.scrape.maximum(.cacheUsage)
    reading.prefixQueries = self.scrape.sum(.prefixQueries)
    reading.prefixHits = self.scrape.sum(.prefixHits)
    reading.promptTokens = self.scrape.sum(.promptTokens)
    reading.generationTokens = self.scrape.sum(.generationTokens)
    let steps = self.scrape.histogram(.stepTokens)
    (reading.steps, reading.stepTokens) = (steps?.count, steps?.sum)
    reading.preemptions = self.scrape.sum(.preemptions)
    reading.finished = self.scrape.sum(.finished)
    reading.processStart = self.scrape.maximum(.processStart)
    reading.latencies[.firstToken] = self.scrape.histogram(.firstToken)
    reading.latencies[.interToken] = self.scrape.histogram(.interToken)
    reading.latencies[.endToEnd] = self.scrape.histogram(.endToEnd)
    reading.latencies[.queue] = self.scrape.histogram(.queue)
    reading.countsAge = EngineFamily.agedPlaces.contains { self.scrape.sum($0) != nil }
    // Of all ranks: a lone long prefill moves nothing but the cache before its first token.
    reading.movement =
      [
        reading.steps, reading.stepTokens, reading.generationTokens, reading.promptTokens,
        reading.finished, reading.prefixQueries, self.scrape.sum(.cacheUsage),
        self.scrape.sum(.throughput), reading.latencies[.firstToken]?.count,
        reading.latencies[.interToken]?.count,
      ].map { $0.flatMap { $0.isFinite ? $0 : nil } }
    return reading
  }
}

/// What an engine did between two readings of one endpoint.
package struct EngineInterval: Equatable, Sendable {
  /// Positive.
  package let duration: Duration
  /// A counter fell, or the process began later: what happened in between is not known.
  package var startedAnew = false
  /// By how much its counters, its times and its queue grew, the queue perhaps by less than 0; `nil` is
  /// what one of the readings does not say, and all else.
  package var growth = EngineReading()

  package init(duration: Duration) {
    precondition(duration > .zero, "an interval of \(duration)")
    self.duration = duration
  }

  /// Tokens or requests a second.
  package func rate(_ count: KeyPath<EngineReading, Double?>) -> Double? {
    self.growth[keyPath: count].map { $0 / (self.duration / .seconds(1)) }
  }
}

extension EngineReading {
  /// - Parameter duration: From the earlier reading to this one; positive.
  package func since(_ earlier: EngineReading, after duration: Duration) -> EngineInterval {
    var interval = EngineInterval(duration: duration)
    interval.startedAnew = self.isOfAnotherLife(than: earlier)
    guard !interval.startedAnew else { return interval }
    for number in Self.counters + [\.waiting] {
      guard let now = self[keyPath: number], let before = earlier[keyPath: number] else { continue }
      interval.growth[keyPath: number] = now - before
    }
    for (latency, before) in earlier.latencies {
      interval.growth.latencies[latency] = self.latencies[latency]?.since(before)
    }
    return interval
  }

  private func isOfAnotherLife(than earlier: EngineReading) -> Bool {
    func fell(_ now: Double?, _ before: Double?) -> Bool {
      guard let now, let before else { return false }
      return now < before
    }
    if let now = self.processStart, let before = earlier.processStart, now != before { return true }
    return Self.counters.contains { fell(self[keyPath: $0], earlier[keyPath: $0]) }
      || EngineLatency.allCases.contains {
        fell(self.latencies[$0]?.count, earlier.latencies[$0]?.count)
      }
  }
}
