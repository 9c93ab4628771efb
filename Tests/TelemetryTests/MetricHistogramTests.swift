import Testing

@testable import Telemetry

struct MetricHistogramTests {
  private static func histogram(_ buckets: [(Double, Double)], sum: Double? = 0) -> MetricHistogram
  {
    MetricHistogram(buckets: buckets.map { .init(upperBound: $0, count: $1) }, sum: sum)
  }

  /// Expected: `histogram_quantile` as Prometheus documents it.
  @Test(
    arguments: [
      (0.0, .upTo(1)), (0.25, .upTo(1)), (0.5, .upTo(1)), (0.625, .about(2.5)), (0.75, .about(3)),
      (0.8, .above(3)), (0.875, .above(3)), (1, .above(3)),
    ] as [(Double, HistogramQuantile)])
  func `quantiles are spread evenly within a bucket that has two bounds`(
    part: Double, expected: HistogramQuantile
  ) {
    let histogram = Self.histogram([(1, 4), (2, 4), (3, 6), (.infinity, 8)])
    #expect(histogram.quantile(part) == expected)
  }

  @Test func `quantiles keep to the bounds there are`() {
    #expect(Self.histogram([(1, 0), (.infinity, 0)]).quantile(0.5) == nil)
    #expect(Self.histogram([(.infinity, 5)]).quantile(0.5) == nil)
    #expect(Self.histogram([(-2, 5), (.infinity, 5)]).quantile(0.5) == .upTo(-2))
    #expect(Self.histogram([(1, 0), (2, 4), (.infinity, 4)]).quantile(0.25) == .about(1.25))
  }

  @Test func `a mean needs a sum of everything that was observed`() {
    let known = Self.histogram([(1, 4), (.infinity, 4)], sum: 2)
    #expect(known.mean == 0.5 && MetricHistogram.pooled([known, known])?.mean == 0.5)
    let silent = Self.histogram([(1, 4), (.infinity, 4)], sum: nil)
    #expect(silent.mean == nil && MetricHistogram.pooled([known, silent])?.mean == nil)
    #expect(known.since(silent)?.sum == nil && silent.since(known)?.sum == nil)
    #expect(Self.histogram([(1, 0), (.infinity, 0)]).mean == nil)
    #expect(Self.histogram([(1, 4), (.infinity, 4)], sum: .nan).mean == nil)
  }

  @Test func `what was observed between two readings is their difference`() {
    let before = Self.histogram([(1, 1), (.infinity, 2)], sum: 5)
    let now = Self.histogram([(1, 4), (.infinity, 6)], sum: 9)
    #expect(now.since(before) == Self.histogram([(1, 3), (.infinity, 4)], sum: 4))
    #expect(before.since(now) == nil)
    #expect(now.since(Self.histogram([(2, 1), (.infinity, 2)])) == nil)
    #expect(now.since(Self.histogram([(.infinity, 2)])) == nil)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a page whose bounds fall costs no more than one whose bounds rise`() {
    let count = 300_000
    var builder = MetricHistogramBuilder()
    for bound in (1...count).reversed() { builder.add(Double(bound), upperBound: Double(bound)) }
    builder.add(Double(count), upperBound: .infinity)
    let buckets = builder.histogram()?.buckets ?? []
    #expect(buckets.count == count + 1 && buckets.first?.upperBound == 1)
    #expect(zip(buckets, buckets.dropFirst()).allSatisfy { $0.upperBound < $1.upperBound })
  }
}
