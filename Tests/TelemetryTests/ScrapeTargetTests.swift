import Fleet
import Telemetry
import Testing

struct ScrapeTargetTests {
  @Test(arguments: [
    ("gpu01:8000", ["gpu01:8000"], "gpu01:8000/metrics"),
    ("http://example.com:8000/metrics", ["example.com:8000"], "example.com:8000/metrics"),
    (
      "https://example.com:9400/m/x?a=1", ["example.com:9400/m/x?a=1"],
      "example.com:9400/m/x?a=1"
    ),
    ("gpu[01-03]!gpu02:8000", ["gpu01:8000", "gpu03:8000"], "gpu01:8000/metrics"),
    ("[::1]:8000", ["[::1]:8000"], "[::1]:8000/metrics"),
    ("127.0.0.1:8000", ["127.0.0.1:8000"], "127.0.0.1:8000/metrics"),
  ])
  func `endpoints are written in several ways`(text: String, names: [String], url: String) throws {
    let targets = try ScrapeTarget.targets(of: text)
    #expect(targets.map(\.name) == names && targets.first?.url.hasSuffix("://\(url)") == true)
    #expect(targets.allSatisfy { $0.url.hasPrefix(text.hasPrefix("https") ? "https:" : "http:") })
  }

  @Test(arguments: [
    "", "gpu01", "gpu01:", "gpu01:0", "gpu01:65536", ":8000", "ftp://a:1", "gpu[03-01]:8000",
    "gpu[1-5000]:8000", "http://example.com/metrics",
  ])
  func `what is no endpoint is told`(text: String) {
    let error = #expect(throws: Diagnostic.self) { try ScrapeTarget.targets(of: text) }
    #expect(error?.code == "wrong-endpoint" && error?.causes.count == 1)
  }
}
