import Health
import Telemetry

extension EngineCounters {
  /// Names of vLLM whose values change when its engine steps, and with nothing else. Source: vLLM 0.32,
  /// `vllm/v1/metrics/loggers.py`; `gpu_cache_usage_perc` is the name before 0.10.
  private static let moving: [FamilyCatalogue.Family] = [
    .gauge("vllm:iteration_tokens_total_sum"), .gauge("vllm:iteration_tokens_total_count"),
    .counter("vllm:generation_tokens"), .counter("vllm:prompt_tokens"),
    .counter("vllm:request_success"), .counter("vllm:prefix_cache_queries"),
    .gauge("vllm:kv_cache_usage_perc"), .gauge("vllm:gpu_cache_usage_perc"),
  ]

  private static let catalogue = FamilyCatalogue(
    Self.moving + [.gauge("vllm:num_requests_running"), .gauge("vllm:num_requests_waiting")])

  /// Lines of a page that are left out before the page is: more are no slip, but another format.
  private static let wrongLineCountMax = 8

  /// - Parameter page: Text of `/metrics`; lines that are not of that form are left out.
  init(metrics page: [UInt8]) {
    let scrape = Self.scrape(page)
    // What is no number differs from itself, and would count as movement for good.
    func sum(_ family: Int) -> Double? {
      scrape.sum(family).flatMap { $0.isFinite ? $0 : nil }
    }
    self.init(
      running: sum(Self.moving.count), waiting: sum(Self.moving.count + 1),
      moving: Self.moving.indices.map(sum))
  }

  private static func scrape(_ page: [UInt8]) -> FamilyScrape {
    var scrape = FamilyScrape(Self.catalogue)
    var page = page
    for _ in 0...Self.wrongLineCountMax {
      do throws(MetricsTextError) {
        try scrape.read(page)
        break
      } catch {
        page = Self.without(line: error.line, page)
      }
    }
    return scrape
  }

  /// - Parameter line: Counts from 1.
  private static func without(line: Int, _ page: [UInt8]) -> [UInt8] {
    var lines = page.split(separator: 0x0A, omittingEmptySubsequences: false)
    lines.remove(at: min(line, lines.count) - 1)
    // What is left of a text that was cut off ends with a line.
    if let last = lines.last, !last.isEmpty { lines.append([]) }
    return Array(lines.joined(separator: [0x0A]))
  }
}
