import Telemetry
import Testing

/// Against Prometheus' own client for Python.
@Suite(
  .enabled(if: PrometheusClient.isPossible, "needs prometheus_client from PyPI"))
struct PrometheusClientTests {
  @Test(arguments: MetricsTexts.allCases)
  func `every sample of real texts is the one that prometheus_client reads`(
    text: MetricsTexts
  ) throws {
    var page = MetricsPage()
    try page.read(text.bytes)
    let ours = PlainSample.samples(of: page)
    let theirs = try PrometheusClient.samples(ofFile: text.path)
    #expect(ours.count == theirs.count && ours.count > 15)
    for (index, (our, their)) in zip(ours, theirs).enumerated() where our != their {
      Issue.record("sample \(index): \(our) is not \(their)")
    }
  }
}
