import FleetView
import Telemetry
import Testing

struct ReadableNumberTests {
  @Test(arguments: [-1e300, 1e300, -.infinity, .nan])
  func `no server's number is too large to be shown`(number: Double) {
    #expect(ReadableNumber.latency(number) == "?")
    #expect(ReadableNumber.number(number) == "?" && ReadableNumber.percent(number) == "?")
    #expect(["?", "0 s"].contains(ReadableNumber.time(number)))
  }

  @Test func `a latency has the unit that suits it`() {
    #expect([0.087, 1.5, 240].map { ReadableNumber.latency($0) } == ["87ms", "1.5s", "240s"])
  }

  @Test func `a percentile of which a bound is known is shown as that, with the mean`() {
    #expect(ReadableNumber.latency(HistogramQuantile.about(0.087), mean: 1) == "87ms")
    #expect(ReadableNumber.latency(HistogramQuantile.upTo(0.3), mean: 0.002) == "<300ms, mean 2ms")
    #expect(ReadableNumber.latency(HistogramQuantile.above(2560)) == ">2560s")
    #expect(ReadableNumber.latency(HistogramQuantile?.none) == "?")
  }
}
