import Foundation
import Testing

@testable import Telemetry

struct MetricsMergeTests {
  private static func page(_ text: String) throws -> MetricsPage {
    var page = MetricsPage()
    try page.read(Array(text.utf8))
    return page
  }

  /// Real texts of every format, each from two endpoints.
  static func realText() throws -> (text: [UInt8], expected: [PlainSample]) {
    var merge = MetricsMerge()
    var expected: [PlainSample] = []
    for text in MetricsTexts.allCases {
      var page = MetricsPage()
      try page.read(text.bytes)
      for endpoint in ["a:1", "b\"\\\n:2"] {
        let labels = [
          MetricsMerge.Label("muster_endpoint", endpoint),
          MetricsMerge.Label("muster_text", text.rawValue),
        ]
        merge.add(page, labels: labels)
        expected += PlainSample.samples(of: page).map { sample in
          var sample = sample
          for label in labels { sample.labels[Array(label.name.utf8)] = Array(label.value.utf8) }
          // The older format has whole milliseconds.
          sample.timestamp = sample.timestamp.map { ($0 * 1000).rounded() / 1000 }
          return sample
        }
      }
    }
    return (merge.text(), expected)
  }

  private static func sorted(_ samples: [PlainSample]) -> [String] {
    samples.map { sample in
      let labels = sample.labels.map { "\($0.key)=\($0.value)" }.sorted()
      return "\(sample.name) \(labels) \(sample.value) \(sample.timestamp ?? -1)"
    }.sorted()
  }

  @Test func `every sample of real texts is there once, with its labels more`() throws {
    let (text, expected) = try Self.realText()
    var page = MetricsPage()
    try page.read(text)
    #expect(Self.sorted(PlainSample.samples(of: page)) == Self.sorted(expected))
    #expect(!page.isOpenMetrics)
    let names = page.families.map { page.string($0.name) }
    #expect(Set(names).count == names.count)
    // Each name in one run: the samples of a family are together.
    #expect(Set(page.runs.map { page.string($0.name) }).count <= page.runs.count)
  }

  @Test(.enabled(if: PrometheusClient.isPossible, "needs prometheus_client from PyPI"))
  func `prometheus_client reads the same samples`() throws {
    let (text, expected) = try Self.realText()
    let file = FileManager.default.temporaryDirectory.appending(path: "merge-\(UUID()).txt")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(text).write(to: file)
    let theirs = try PrometheusClient.samples(ofFile: file.path)
    #expect(Self.sorted(theirs) == Self.sorted(expected))
  }

  @Test func `families of several pages come together under one type`() throws {
    var merge = MetricsMerge()
    merge.add(
      try Self.page(
        "# HELP h a \\\\ b\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\nx 5 7\n"
      ),
      labels: [.init("endpoint", "a")])
    merge.add(
      try Self.page(
        "# TYPE n counter\nn_total 3\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 4\n# EOF\n"),
      labels: [.init("endpoint", "b")])
    merge.add("muster_endpoint_up", 1, help: "Whether.", labels: [.init("endpoint", "a")])
    let text = """
      # HELP h a \\\\ b
      # TYPE h histogram
      h_bucket{endpoint="a",le="+Inf"} 1.0
      h_sum{endpoint="a"} 2.0
      h_count{endpoint="a"} 1.0
      h_bucket{endpoint="b",le="+Inf"} 4.0
      # TYPE x untyped
      x{endpoint="a"} 5.0 7
      # TYPE n_total counter
      n_total{endpoint="b"} 3.0
      # HELP muster_endpoint_up Whether.
      # TYPE muster_endpoint_up gauge
      muster_endpoint_up{endpoint="a"} 1.0

      """
    #expect(String(decoding: merge.text(), as: UTF8.self) == text)
    #expect(merge.contentType == "text/plain; version=0.0.4; charset=utf-8")
  }

  @Test func `a label that is there already is kept under another name`() throws {
    var merge = MetricsMerge()
    merge.add(
      try Self.page("a{node=\"x\",exported_node=\"y\",z=\"1\"} +Inf\nb NaN\n"),
      labels: [.init("node", "n")])
    #expect(
      String(decoding: merge.text(), as: UTF8.self) == """
        # TYPE a untyped
        a{node="n",exported_exported_node="x",exported_node="y",z="1"} +Inf
        # TYPE b untyped
        b{node="n"} NaN

        """)
  }

  @Test func `one name with different types is untyped`() throws {
    var merge = MetricsMerge()
    merge.add(try Self.page("# TYPE a gauge\na 1\n"), labels: [.init("e", "1")])
    merge.add(try Self.page("# TYPE a counter\na 2\n"), labels: [.init("e", "2")])
    #expect(String(decoding: merge.text(), as: UTF8.self).hasPrefix("# TYPE a untyped\na{e=\"1\"}"))
  }

  @Test func `names in quotes keep them, and wrong UTF-8 is repaired`() throws {
    var merge = MetricsMerge()
    merge.add(try Self.page("{\"a.b\",\"c.d\"=\"1\"} 1\n"), labels: [])
    #expect(
      String(decoding: merge.text(), as: UTF8.self)
        == "# TYPE \"a.b\" untyped\n{\"a.b\",\"c.d\"=\"1\"} 1.0\n")
    #expect(merge.contentType == "text/plain; version=1.0.0; charset=utf-8")
    var page = MetricsPage()
    try page.read(Array("a{b=\"".utf8) + [0xFF] + Array("\"} 1\n".utf8))
    var repaired = MetricsMerge()
    repaired.add(page, labels: [])
    #expect(
      String(decoding: repaired.text(), as: UTF8.self)
        == "# TYPE a untyped\na{b=\"\u{FFFD}\"} 1.0\n")
  }
}
