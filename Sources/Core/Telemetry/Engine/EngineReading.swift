/// A make of model server: the names under which its pages have what Muster reads.
struct EngineMake: Sendable {
  typealias Number = any WritableKeyPath<EngineReading, Double?> & Sendable
  typealias Names = [FamilyCatalogue.Family]

  /// Of each number that it shows its names, newest first: a version may show a family under its old name
  /// and its new one at once, and then they say the same. Of a counter with or without `_total`.
  var numbers: [(number: Number, names: Names)]
  var latencies: [EngineLatency: Names]
  /// One observation a step that gave output: the tokens computed in it.
  var steps: Names = []
  /// Its counts of requests are renewed as it steps and seldom at rest: they may say that it works when it
  /// has long ended.
  var countsAge = false

  /// Those that are read.
  static let all = [Self.vllm, .sglang]
}

/// The times that an engine keeps histograms of, in seconds.
package enum EngineLatency: String, CaseIterable, Sendable {
  /// From a request's arrival to its first token.
  case firstToken = "ttft"
  /// From a token to the next of the same request.
  case interToken = "itl"
  /// From a request's arrival to its last token.
  case endToEnd = "e2e"
  /// From a request's arrival to its first step.
  case queue
}

/// Where all makes' names are in one catalogue. Two quantities may have one name.
struct EngineTable: Sendable {
  private(set) var numbers: [(number: EngineMake.Number, places: [Int])] = []
  private(set) var latencies: [EngineLatency: [Int]] = [:]
  private(set) var steps: [Int] = []
  private(set) var agedPlaces: [Int] = []
  let catalogue: FamilyCatalogue

  static let all = Self()

  private init() {
    var families: EngineMake.Names = []
    func places(of names: EngineMake.Names) -> [Int] {
      names.map { name in
        if let place = families.firstIndex(of: name) { return place }
        families.append(name)
        return families.count - 1
      }
    }
    for make in EngineMake.all {
      for (number, names) in make.numbers {
        let places = places(of: names)
        if make.countsAge, number == \.running { self.agedPlaces += places }
        if let index = self.numbers.firstIndex(where: { $0.number == number }) {
          self.numbers[index].places += places
        } else {
          self.numbers.append((number, places))
        }
      }
      for (latency, names) in make.latencies.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        self.latencies[latency, default: []] += places(of: names)
      }
      self.steps += places(of: make.steps)
    }
    self.catalogue = FamilyCatalogue(families)
  }
}

extension EngineMake {
  /// Every family has a label `engine`, one value a data-parallel rank.
  ///
  /// Source: vLLM 0.32, `vllm/v1/metrics/loggers.py`, and for the names before 0.10 its history.
  static let vllm = Self(
    numbers: [
      // Of the API server; not there when it is several processes.
      (\.processStart, [.gauge("process_start_time_seconds")]),
      (\.running, [.gauge("vllm:num_requests_running")]),
      (\.waiting, [.gauge("vllm:num_requests_waiting")]),
      // 0 to 1 in spite of the name.
      (\.cacheUsage, [.gauge("vllm:kv_cache_usage_perc"), .gauge("vllm:gpu_cache_usage_perc")]),
      (
        \.prefixQueries,
        [.counter("vllm:prefix_cache_queries"), .counter("vllm:gpu_prefix_cache_queries")]
      ),
      (\.prefixHits, [.counter("vllm:prefix_cache_hits"), .counter("vllm:gpu_prefix_cache_hits")]),
      (\.promptTokens, [.counter("vllm:prompt_tokens")]),
      (\.generationTokens, [.counter("vllm:generation_tokens")]),
      (\.preemptions, [.counter("vllm:num_preemptions")]),
      (\.finished, [.counter("vllm:request_success")]),
    ],
    latencies: [
      .firstToken: [.histogram("vllm:time_to_first_token_seconds")],
      .interToken: [
        .histogram("vllm:inter_token_latency_seconds"),
        .histogram("vllm:time_per_output_token_seconds"),
      ],
      .endToEnd: [.histogram("vllm:e2e_request_latency_seconds")],
      .queue: [.histogram("vllm:request_queue_time_seconds")],
    ],
    // A histogram in spite of the name.
    steps: [.histogram("vllm:iteration_tokens_total")])
}

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
  var throughput: Double?
  /// Of all ranks: a lone long prefill moves nothing but the cache before its first token.
  fileprivate var cacheUsageSum: Double?

  package init() {}

  /// What changes when its engines step, and with nothing else; in a fixed order.
  package var movement: [Double?] {
    [
      self.steps, self.stepTokens, self.generationTokens, self.promptTokens, self.finished,
      self.prefixQueries, self.cacheUsageSum, self.throughput, self.latencies[.firstToken]?.count,
      self.latencies[.interToken]?.count,
    ].map { $0.flatMap { $0.isFinite ? $0 : nil } }
  }

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
  private var scrape = FamilyScrape(EngineTable.all.catalogue)

  package init() {}

  /// - Throws: as ``MetricsPage/read(_:)``.
  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) -> EngineReading {
    try self.scrape.read(text)
    var reading = EngineReading()
    let table = EngineTable.all
    for (number, places) in table.numbers {
      let values = self.values(places)
      if number == \.cacheUsage {
        reading.cacheUsage = values.filter((0...1).contains).max()
        reading.cacheUsageSum = Self.sum(values)
      } else if number == \.processStart {
        reading.processStart = values.filter(\.isFinite).max()
      } else {
        reading[keyPath: number] = Self.sum(values)
      }
    }
    reading.latencies = table.latencies.compactMapValues(self.histogram)
    let steps = self.histogram(table.steps)
    (reading.steps, reading.stepTokens) = (
      steps?.count, steps.flatMap { Self.sum([$0.sum].compactMap(\.self)) }
    )
    reading.countsAge = !table.agedPlaces.allSatisfy { self.values([$0]).isEmpty }
    return reading
  }

  /// Of all ranks, by the first of several names that the page has. None where it has a series twice:
  /// which one is true is not known.
  private func values(_ places: [Int]) -> [Double] {
    for place in places {
      var samples: [MetricsPage.Sample] = []
      self.scrape.forEachSample(of: place) { samples.append($0) }
      if !samples.isEmpty {
        return self.scrape.page.areDistinct(samples) ? samples.map(\.value) : []
      }
    }
    return []
  }

  /// `nil`, too, where it holds what no histogram of times or tokens can.
  private func histogram(_ places: [Int]) -> MetricHistogram? {
    places.lazy.compactMap { self.scrape.histogram($0) }.first.flatMap { histogram in
      let counts = histogram.buckets.map(\.count)
      let isPossible =
        counts.allSatisfy(Self.counts.contains) && zip(counts, counts.dropFirst()).allSatisfy(<=)
        && histogram.buckets.allSatisfy { $0.upperBound >= 0 }
      return isPossible ? histogram : nil
    }
  }

  /// What requests, tokens and steps can be: beyond 2^53 a number counts nothing.
  private static let counts = 0...0x1p53

  /// `nil` where there are none, or one of them is no count.
  private static func sum(_ values: [Double]) -> Double? {
    let areCounts = values.allSatisfy(Self.counts.contains)
    return !values.isEmpty && areCounts ? values.reduce(0, +) : nil
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
