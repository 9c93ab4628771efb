import Telemetry
import Testing

struct EngineReadingTests {
  private static func reading(_ text: String) throws -> EngineReading {
    var scrape = EngineScrape()
    return try scrape.read(Array(text.utf8))
  }

  @Test func `the page of a real server is read whole`() throws {
    var scrape = EngineScrape()
    for _ in 0..<2 {
      let reading = try scrape.read(MetricsTexts.vllm.bytes)
      #expect(reading.running == 8 && reading.waiting == 7)
      #expect(try (0...1).contains(#require(reading.cacheUsage)))
      let hits = try #require(reading.prefixHits)
      #expect(try hits > 0 && hits < #require(reading.prefixQueries))
      #expect(try #require(reading.promptTokens) > 0 && #require(reading.generationTokens) > 0)
      #expect(try #require(reading.stepTokens) > #require(reading.steps))
      #expect(try reading.preemptions != nil && #require(reading.finished) > 0)
      #expect(reading.latencies.count == EngineLatency.allCases.count)
      #expect(reading.latencies[.firstToken]?.count == 662)
      #expect(reading.hasEngine && reading.processStart != nil)
    }
  }

  @Test func `what is not on the page is unknown, never 0`() throws {
    let reading = try Self.reading("process_start_time_seconds 1\n")
    var expected = EngineReading()
    expected.processStart = 1
    #expect(reading == expected && !reading.hasEngine)
    #expect(reading.movement.allSatisfy { $0 == nil })
    #expect(try Self.reading("vllm:num_requests_running NaN\n").running == nil)
  }

  @Test(arguments: [
    "vllm:num_requests_running -5\n", "vllm:num_requests_running 1e300\n",
    "vllm:num_requests_running +Inf\n", "vllm:kv_cache_usage_perc -0.5\n",
    "vllm:kv_cache_usage_perc 50\n", "vllm:generation_tokens_total -1\n",
    #"vllm:time_to_first_token_seconds_bucket{le="-1"} 2"# + "\n"
      + #"vllm:time_to_first_token_seconds_bucket{le="+Inf"} 2"# + "\n",
    #"vllm:time_to_first_token_seconds_bucket{le="1"} 3"# + "\n"
      + #"vllm:time_to_first_token_seconds_bucket{le="+Inf"} 2"# + "\n",
    String(repeating: #"vllm:num_requests_running{engine="0"} 3"# + "\n", count: 3),
  ])
  func `what cannot be is unknown`(page: String) throws {
    let reading = try Self.reading(page)
    #expect(!reading.hasEngine && FleetMetrics([EndpointPage(reading: reading)]).running == nil)
    // One that is as it should be beside it stands.
    #expect(try Self.reading(page + "vllm:num_requests_waiting 2\n").waiting == 2)
  }

  @Test func `counts add up over engines, and of the usage the largest counts`() throws {
    let reading = try Self.reading(
      """
      vllm:num_requests_running{engine="0"} 3
      vllm:num_requests_running{engine="1"} 4
      vllm:kv_cache_usage_perc{engine="0"} 0.25
      vllm:kv_cache_usage_perc{engine="1"} 0.75
      vllm:kv_cache_usage_perc{engine="2"} NaN
      vllm:generation_tokens_total{engine="0"} 10
      vllm:generation_tokens_total{engine="1"} 20

      """)
    #expect(reading.running == 7 && reading.cacheUsage == 0.75 && reading.generationTokens == 30)
    #expect(reading.waiting == nil)
  }

  @Test func `names of older versions are read, and never counted beside the new ones`() throws {
    let old = try Self.reading(
      """
      vllm:gpu_cache_usage_perc 0.5
      vllm:gpu_prefix_cache_queries 8
      vllm:gpu_prefix_cache_hits 4
      vllm:time_per_output_token_seconds_bucket{le="1"} 2
      vllm:time_per_output_token_seconds_bucket{le="+Inf"} 2

      """)
    #expect(old.cacheUsage == 0.5 && old.prefixQueries == 8 && old.prefixHits == 4)
    #expect(old.latencies[.interToken]?.count == 2)
    let both = try Self.reading(
      """
      vllm:gpu_prefix_cache_queries_total 8
      vllm:prefix_cache_queries_total 8
      vllm:gpu_cache_usage_perc 0.5
      vllm:kv_cache_usage_perc 0.4

      """)
    #expect(both.prefixQueries == 8 && both.cacheUsage == 0.4)
  }

  @Test func `a page of another make is read by its own names`() throws {
    let labels = #"engine_type="unified",model_name="m",tp_rank="0",dp_rank="#
    let text = """
      # TYPE sglang:num_running_reqs gauge
      sglang:num_running_reqs{\(labels)"0"} 11.0
      sglang:num_running_reqs{\(labels)"1"} 2.0
      sglang:num_queue_reqs{\(labels)"0"} 4.0
      sglang:token_usage{\(labels)"0"} 0.37
      sglang:gen_throughput{\(labels)"0"} 1523.4
      sglang:prompt_tokens_total{is_streaming="true"} 100
      sglang:prompt_tokens_total{is_streaming="false"} 200
      sglang:generation_tokens_total{is_streaming="true"} 71123
      sglang:cached_tokens_total{cache_source="device"} 75
      sglang:num_requests_total{is_streaming="true"} 9
      sglang:num_retracted_requests_total 3
      sglang:time_to_first_token_seconds_sum 4.1
      sglang:time_to_first_token_seconds_bucket{le="0.1"} 10.0
      sglang:time_to_first_token_seconds_bucket{le="+Inf"} 20.0
      sglang:time_to_first_token_seconds_count 20.0
      sglang:queue_time_seconds_bucket{le="+Inf"} 21.0

      """
    let reading = try Self.reading(text)
    #expect(reading.hasEngine)
    #expect(reading.running == 13 && reading.waiting == 4 && reading.cacheUsage == 0.37)
    #expect(reading.promptTokens == 300 && reading.generationTokens == 71_123)
    #expect(reading.prefixQueries == 300 && reading.prefixHits == 75)
    #expect(reading.finished == 9 && reading.preemptions == 3 && reading.steps == nil)
    #expect(reading.latencies[.firstToken]?.count == 20 && reading.latencies[.queue]?.count == 21)
    #expect(reading.latencies[.endToEnd] == nil)
    // It renews its counts of requests every 30 s at rest.
    #expect(reading.countsAge)
    #expect(try !Self.reading("vllm:num_requests_running 3\n").countsAge)
    let later = try Self.reading(text.replacing("1523.4", with: "1500.1"))
    #expect(later.movement != reading.movement)
  }

  // MARK: Intervals

  private static func page(tokens: Int, hits: Int = 0, waiting: Int = 0, counts: [Int]) -> String {
    """
    vllm:num_requests_waiting \(waiting)
    vllm:generation_tokens_total \(tokens)
    vllm:request_success_total{finished_reason="stop"} \(tokens / 10)
    vllm:prefix_cache_queries_total \(hits * 2)
    vllm:prefix_cache_hits_total \(hits)
    vllm:time_to_first_token_seconds_bucket{le="1"} \(counts[0])
    vllm:time_to_first_token_seconds_bucket{le="+Inf"} \(counts[1])

    """
  }

  @Test func `rates are what counters grew by, a second`() throws {
    var scrape = EngineScrape()
    var page = EndpointPage()
    func add(_ text: String, at seconds: Int) {
      page.add(Array(text.utf8), madeAt: .seconds(seconds), at: .zero, with: &scrape)
    }
    add(Self.page(tokens: 100, hits: 10, waiting: 1, counts: [1, 2]), at: 5)
    #expect(page.interval == nil)
    let second = Self.page(tokens: 500, hits: 30, waiting: 4, counts: [4, 6])
    add(second, at: 7)
    let interval = try #require(page.interval)
    #expect(interval.duration == .seconds(2) && !interval.startedAnew)
    #expect(interval.rate(\.generationTokens) == 200 && interval.rate(\.finished) == 20)
    #expect(interval.growth.prefixHits == 20 && interval.growth.prefixQueries == 40)
    #expect(interval.growth.waiting == 3)
    #expect(interval.growth.latencies[.firstToken]?.buckets.map(\.count) == [3, 4])
    #expect(interval.growth.promptTokens == nil && interval.growth.latencies[.queue] == nil)
    #expect(FleetMetrics([page]).prefixHitRate == 0.5)
    add(second, at: 7)
    #expect(page.interval == nil)
    add(second, at: 8)
    #expect(page.interval != nil && FleetMetrics([page]).prefixHitRate == nil)
  }

  @Test func `a page that did not come leaves nothing of the one before, but to compare with`() {
    var scrape = EngineScrape()
    var page = EndpointPage()
    page.miss("no answer")
    #expect(page.fault == "no answer" && page.tryCount == 1 && page.arrived == nil)
    for seconds in 1...2 {
      let text = Self.page(tokens: seconds * 10, counts: [1, 2])
      page.add(Array(text.utf8), madeAt: .seconds(seconds), at: .seconds(seconds), with: &scrape)
    }
    #expect(page.fault == "" && page.reading != nil && page.interval != nil)
    page.add(Array("a".utf8), madeAt: .seconds(3), at: .seconds(3), with: &scrape)
    #expect(page.fault.hasPrefix("its page is no text of metrics: line 1, column 2"))
    #expect(page.text == nil && page.reading == nil && page.interval == nil)
    #expect(page.tryCount == 4 && page.arrived == .seconds(2))
    let later = Self.page(tokens: 50, counts: [1, 2])
    page.add(Array(later.utf8), madeAt: .seconds(4), at: .seconds(4), with: &scrape)
    #expect(page.interval?.rate(\.generationTokens) == 15)
  }

  @Test(arguments: [
    page(tokens: 99, counts: [1, 2]), page(tokens: 200, counts: [0, 1]),
    page(tokens: 200, counts: [1, 2]) + "process_start_time_seconds 9\n",
  ])
  func `a server that started anew has no rates, and that is said`(page: String) throws {
    let first = try Self.reading(
      Self.page(tokens: 100, counts: [1, 2]) + "process_start_time_seconds 8\n")
    let interval = try Self.reading(page).since(first, after: .seconds(1))
    var expected = EngineInterval(duration: .seconds(1))
    expected.startedAnew = true
    #expect(interval == expected)
  }
}
