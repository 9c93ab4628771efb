import Health

extension EngineCounters {
  /// Names of vLLM whose values change when its engine steps, and with nothing else. Source: vLLM 0.32,
  /// `vllm/v1/metrics/loggers.py`; `gpu_cache_usage_perc` is the name before 0.10.
  private static let moving = [
    "vllm:iteration_tokens_total_sum", "vllm:iteration_tokens_total_count",
    "vllm:generation_tokens_total", "vllm:prompt_tokens_total", "vllm:request_success_total",
    "vllm:prefix_cache_queries_total", "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc",
  ]

  /// - Parameter page: Text of `/metrics`; what is not of that form is left out.
  init(metrics page: [UInt8]) {
    let sums = Self.sums(of: page)
    self.init(
      running: sums["vllm:num_requests_running"], waiting: sums["vllm:num_requests_waiting"],
      moving: Self.moving.map { sums[$0] })
  }

  /// The values of each wanted family, summed over its series.
  private static func sums(of page: [UInt8]) -> [String: Double] {
    let wanted = Set(Self.moving + ["vllm:num_requests_running", "vllm:num_requests_waiting"])
    var sums: [String: Double] = [:]
    for line in page.split(separator: UInt8(ascii: "\n")) where line.first == UInt8(ascii: "v") {
      let isEnd = { (byte: UInt8) in byte == UInt8(ascii: "{") || byte == UInt8(ascii: " ") }
      guard let end = line.firstIndex(where: isEnd),
        let blank = line.lastIndex(of: UInt8(ascii: " "))
      else { continue }
      let name = String(decoding: line[..<end], as: UTF8.self)
      guard wanted.contains(name),
        let value = Double(String(decoding: line[(blank + 1)...], as: UTF8.self))
      else { continue }
      sums[name, default: 0] += value
    }
    return sums
  }
}
