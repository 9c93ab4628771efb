import Testing

@testable import Telemetry

struct FleetMetricsTests {
  private static func histogram(_ buckets: [(Double, Double)]) -> MetricHistogram {
    MetricHistogram(buckets: buckets.map { .init(upperBound: $0, count: $1) }, sum: 0)
  }

  private static func endpoint(
    running: Double?, waiting: Double?, usage: Double?, tokens: Double?,
    prefix: (hits: Double, queries: Double), firstToken: MetricHistogram
  ) -> EndpointPage {
    var reading = EngineReading()
    (reading.running, reading.waiting, reading.cacheUsage) = (running, waiting, usage)
    var interval = EngineInterval(duration: .seconds(2))
    interval.growth.generationTokens = tokens
    (interval.growth.prefixHits, interval.growth.prefixQueries) = prefix
    interval.growth.latencies[.firstToken] = firstToken
    return EndpointPage(reading: reading, interval: interval)
  }

  @Test func `sums, the largest of pressure, the least of health, percentiles of pooled buckets`() {
    let quick = Self.histogram([(1, 90), (2, 90), (4, 90), (.infinity, 90)])
    let slow = Self.histogram([(1, 0), (2, 0), (4, 10), (.infinity, 10)])
    let endpoints = [
      Self.endpoint(
        running: 3, waiting: 0, usage: 0.5, tokens: 200, prefix: (90, 100), firstToken: quick),
      Self.endpoint(
        running: 1, waiting: 8, usage: 0.9, tokens: 100, prefix: (0, 900), firstToken: slow),
      EndpointPage(),
    ]
    let metrics = FleetMetrics(endpoints)
    #expect(metrics.endpointCount == 3 && metrics.answeredCount == 2)
    #expect(metrics.running == 4 && metrics.waiting == 8)
    #expect(metrics.waitingMax == 8 && metrics.cacheUsageMax == 0.9)
    #expect(metrics.generationTokensPerSecond == 150 && metrics.promptTokensPerSecond == nil)
    // Not 0.45, the mean of both rates.
    #expect(metrics.prefixHitRate == 0.09)
    let times = metrics.latencies[.firstToken]
    // The mean of both medians would be 1.75, that of the 99th percentiles 2.5.
    #expect(times?.count == 100 && times?.p50 == .upTo(1) && times?.p99 == .about(3.8))
    #expect(metrics.latencies[.queue] == nil)
  }

  @Test func `nothing known stays unknown`() {
    let metrics = FleetMetrics([EndpointPage(), EndpointPage(reading: EngineReading())])
    #expect(metrics.running == nil && metrics.waiting == nil && metrics.cacheUsageMax == nil)
    #expect(metrics.generationTokensPerSecond == nil && metrics.prefixHitRate == nil)
    #expect(metrics.answeredCount == 0 && metrics.latencies.isEmpty)
  }

  @Test func `histograms with other bounds are pooled over those that all have`() {
    let pooled = MetricHistogram.pooled([
      Self.histogram([(1, 1), (2, 3), (.infinity, 4)]),
      Self.histogram([(0.5, 1), (2, 5), (5, 6), (.infinity, 6)]),
    ])
    #expect(pooled == Self.histogram([(2, 8), (.infinity, 10)]))
    #expect(MetricHistogram.pooled([]) == nil)
  }

  @Test func `a single reading gives percentiles since the start when it is asked to`() {
    var reading = EngineReading()
    reading.latencies[.queue] = Self.histogram([(1, 4), (.infinity, 4)])
    (reading.prefixHits, reading.prefixQueries) = (1, 4)
    let endpoints = [EndpointPage(reading: reading)]
    #expect(FleetMetrics(endpoints).latencies.isEmpty)
    let metrics = FleetMetrics(endpoints, latencies: .sinceStart)
    #expect(metrics.latencies[.queue]?.p50 == .upTo(1) && metrics.prefixHitRate == 0.25)
  }

  // MARK: Verdicts

  private static func verdict(
    waiting: Double? = 0, growth: Double? = 0, usage: Double = 0.1, queue: Double = 0.1,
    gpus: [Double?]
  ) -> ServiceVerdict {
    var reading = EngineReading()
    (reading.running, reading.waiting, reading.cacheUsage) = (1, waiting, usage)
    var interval = EngineInterval(duration: .seconds(1))
    interval.growth.waiting = growth
    interval.growth.latencies[.queue] = Self.histogram(
      [(0, 0), (queue * 2, 4), (.infinity, 4)])
    let samples = gpus.enumerated().map { index, busy in
      var sample = GPUSample(index: index, name: "H100")
      sample.utilizationPercent = busy
      return sample
    }
    return ServiceVerdict(
      FleetMetrics([EndpointPage(reading: reading, interval: interval)]),
      gpus: samples)
  }

  @Test func `verdicts have their numbers with them`() {
    let starved = Self.verdict(gpus: [40, 70.5, nil])
    #expect(starved.word == .starved)
    #expect(starved.reason == "GPUs 55.3 % busy, the least 40 %: below 60 %")
    #expect(Self.verdict(gpus: [59, 61]).word == .steady)
    #expect(Self.verdict(gpus: [89]).word == .steady)
    #expect(Self.verdict(gpus: [90, 95]).word == .good)
    #expect(Self.verdict(gpus: []).word == .unknown && Self.verdict(gpus: [nil]).word == .unknown)
    #expect(Self.verdict(waiting: nil, gpus: [95]).word == .good)
  }

  @Test func `requests that wait are a queue when they wait long, grow, or find no room`() {
    let growing = Self.verdict(waiting: 9, growth: 4, gpus: [95])
    #expect(growing.word == .queueing && growing.reason == "9 requests wait, 4 more than before")
    #expect(Self.verdict(waiting: 1, growth: 1, gpus: [95]).word == .good)
    #expect(Self.verdict(waiting: 9, growth: -1, gpus: [95]).word == .good)
    let long = Self.verdict(waiting: 2, queue: 1.5, gpus: [])
    #expect(
      long.word == .queueing && long.reason == "2 requests wait, half of them longer than 1.5 s")
    let full = Self.verdict(waiting: 2, usage: 0.95, gpus: [50])
    #expect(
      full.word == .queueing && full.reason == "2 requests wait and a KV cache is 95 % full")
    #expect(Self.verdict(waiting: 0, usage: 0.99, gpus: [95]).word == .good)
  }

  // MARK: Schedule

  @Test func `a fleet's scrapes are spread evenly over the interval`() {
    let schedule = ScrapeSchedule(every: .seconds(5))
    var bins = [Int](repeating: 0, count: 20)
    for node in 1...1000 {
      let offset = schedule.offset(of: "gpu\(node):8000")
      #expect(offset >= .zero && offset < .seconds(5))
      bins[Int(offset / .milliseconds(250))] += 1
    }
    // Chi squared with 19 degrees of freedom: above 43.8 in one of 1,000 fair draws.
    let square = bins.reduce(0.0) { $0 + Double(($1 - 50) * ($1 - 50)) / 50 }
    #expect(square < 43.8, "\(bins)")
    #expect(schedule.offset(of: "gpu1:8000") == schedule.offset(of: "gpu1:8000"))
  }

  @Test func `the next scrape is the first one later than now`() {
    let schedule = ScrapeSchedule(every: .seconds(5))
    let offset = schedule.offset(of: "a")
    #expect(schedule.next(of: "a", after: offset) == offset + .seconds(5))
    #expect(schedule.next(of: "a", after: offset + .seconds(12)) == offset + .seconds(15))
    #expect(schedule.next(of: "a", after: offset - .nanoseconds(1)) == offset)
  }
}
