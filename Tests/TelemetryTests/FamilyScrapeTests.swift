import Testing

@testable import Telemetry

extension FamilyScrape {
  fileprivate func sum(_ family: Int) -> Double? {
    var sum: Double?
    self.forEachSample(of: family) { sum = (sum ?? 0) + $0.value }
    return sum
  }
}

struct FamilyScrapeTests {
  private static func scrape(
    _ families: [FamilyCatalogue.Family], _ text: String
  ) throws -> FamilyScrape {
    var scrape = FamilyScrape(FamilyCatalogue(families))
    try scrape.read(Array(text.utf8))
    return scrape
  }

  @Test func `families of vLLM are found in its own text`() throws {
    var scrape = FamilyScrape(
      FamilyCatalogue([
        .counter("vllm:request_success"), .counter("vllm:prompt_tokens_total"),
        .gauge("vllm:num_requests_running"), .histogram("vllm:time_to_first_token_seconds"),
        .histogram("vllm:iteration_tokens_total"), .gauge("vllm:nothing"),
      ]))
    for _ in 0..<2 {
      try scrape.read(MetricsTexts.vllm.bytes)
      var (count, sum) = (0, 0.0)
      scrape.forEachSample(of: 0) { (count, sum) = (count + 1, sum + $0.value) }
      #expect(count == 5 && scrape.sum(0) == sum)
      #expect(try #require(scrape.sum(1)) > 0)
      #expect(scrape.sum(2) == 8)
      let first = try #require(scrape.histogram(3))
      #expect(first.count == 662 && first.sum == 14.246912002563477)
      #expect(first.buckets.count == 23 && first.buckets.last?.upperBound == .infinity)
      #expect(scrape.histogram(4) != nil)
      #expect(scrape.sum(5) == nil)
    }
  }

  @Test func `a counter is found with _total or without, and never counted twice`() throws {
    let families: [FamilyCatalogue.Family] = [.counter("a"), .counter("b_total"), .counter("c")]
    let scrape = try Self.scrape(
      families, "a_total 1\nb 2\nb{x=\"1\"} 3\nc 4\nc_total 5\na_created 9\n")
    #expect((0..<3).map { scrape.sum($0) } == [1, 5, 5])
  }

  @Test func `samples of one name that are not together belong together`() throws {
    let scrape = try Self.scrape([.gauge("a")], "a{x=\"1\"} 1\nb 7\na{x=\"2\"} 2\nb 8\na 4\n")
    #expect(scrape.sum(0) == 7)
  }

  @Test func `labels are found by what they mean`() throws {
    let scrape = try Self.scrape(
      [.gauge("a")], "a{x=\"a\\nb\",\"y\"=\"1\"} 1\na{x=\"a\\\\nb\"} 2\n")
    var values: [String?] = []
    scrape.forEachSample(of: 0) { sample in
      for name in ["x", "y"] {
        let value = scrape.page.value(of: Array(name.utf8), in: sample)
        values.append(value.map { scrape.page.string($0) })
      }
    }
    #expect(values == ["a\nb", "1", "a\\nb", nil])
  }

  @Test func `after a text that is refused nothing is found`() throws {
    var scrape = try Self.scrape([.gauge("a")], "a 1\n")
    #expect(throws: MetricsTextError.self) { try scrape.read(Array("a 1\na".utf8)) }
    #expect(scrape.sum(0) == nil)
  }

  @Test func `histograms of several series add up where all have the bound`() throws {
    let text = """
      h_bucket{e="0",le="0.1"} 1
      h_bucket{e="0",le="1e0"} 3
      h_bucket{e="0",le="+Inf"} 4
      h_sum{e="0"} 2.5
      h_count{e="0"} 4
      h_bucket{e="1",le="0.5"} 5
      h_bucket{e="1",le="1.0"} 6
      h_bucket{e="1",le="+Inf"} 6
      h_bucket{e="1",le="x"} 9
      h_bucket{e="1"} 9
      h_sum{e="1"} 1

      """
    let scrape = try Self.scrape([.histogram("h"), .histogram("i")], text)
    let both = try #require(scrape.histogram(0))
    #expect(both.buckets.map(\.upperBound) == [1, .infinity])
    #expect(both.buckets.map(\.count) == [9, 10] && both.sum == 3.5)
    #expect(scrape.histogram(1) == nil)
  }

  @Test func `buckets may be in any order`() throws {
    let scrape = try Self.scrape(
      [.histogram("h")],
      "h_bucket{le=\"+Inf\"} 4\nh_bucket{le=\"-1\"} 1\nh_bucket{le=\"2\"} 2\n")
    let histogram = try #require(scrape.histogram(0))
    #expect(histogram.buckets.map(\.upperBound) == [-1, 2, .infinity])
    #expect(histogram.buckets.map(\.count) == [1, 2, 4])
  }
}
