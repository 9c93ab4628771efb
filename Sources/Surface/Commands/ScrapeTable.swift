import Fleet
import FleetView
import Telemetry
import Terminal

extension ScrapeReport {
  func text(_ format: Scrape.Format) -> String {
    switch format {
    case .table: self.table
    case .json: self.json.text + "\n"
    case .prometheus: String(decoding: self.merged.text(), as: UTF8.self)
    }
  }

  private var table: String {
    let hasNodes = self.endpoints.contains { $0.node != nil }
    var columns: [Table.Column] = [.init("ENDPOINT")]
    if hasNodes { columns.append(.init("NODE")) }
    columns += ["RUN", "WAIT", "KV%", "TOK/S", "HIT%", "TTFT p50", "p99", "AGE"]
      .map { .init($0, .right) }
    columns.append(.init(""))
    var table = Table(columns)
    for endpoint in self.endpoints {
      let metrics = self.metrics(of: endpoint)
      let age = self.ageSeconds(of: endpoint)
      table.append(
        [endpoint.name] + (hasNodes ? [endpoint.node ?? ""] : []) + Self.cells(metrics)
          + [ReadableNumber.latency(age), Self.note(endpoint)])
    }
    table.append(
      ["fleet \(self.fleet.answeredCount)/\(self.fleet.endpointCount)"] + (hasNodes ? [""] : [])
        + Self.cells(self.fleet) + ["", ""])
    return table.rendered()
  }

  /// What is not known is `?`, never 0.
  private static func cells(_ metrics: FleetMetrics) -> [String] {
    let first = metrics.latencies[.firstToken]
    return [
      ReadableNumber.number(metrics.running), ReadableNumber.number(metrics.waiting),
      ReadableNumber.number(metrics.cacheUsageMax.map { $0 * 100 }, digits: 1),
      ReadableNumber.number(metrics.generationTokensPerSecond),
      ReadableNumber.number(metrics.prefixHitRate.map { $0 * 100 }, digits: 1),
      ReadableNumber.latency(first?.p50), ReadableNumber.latency(first?.p99),
    ]
  }

  private static func note(_ endpoint: ScrapeBoard.Endpoint) -> String {
    let fault = Self.fault(of: endpoint)
    if !fault.isEmpty { return fault }
    return endpoint.page.interval?.startedAnew == true ? "started anew" : ""
  }
}
