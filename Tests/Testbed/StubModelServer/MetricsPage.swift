/// The text of `/metrics`: the `vllm:` families a launcher reads, labelled as vLLM 0.32 labels them.
struct MetricsPage {
  private(set) var text = ""
  private let labels: String

  init(_ engine: ModelEngine) {
    // As in vLLM the first served name labels the series, whatever fault is on.
    let name = engine.options.servedNames[0].map { "\\\"\n".contains($0) ? "_" : $0 }
    labels = "engine=\"0\",model_name=\"\(String(name))\""
    gauges(engine)
    counters(engine.counts)
    histogram("time_to_first_token_seconds", engine.counts.firstToken)
    histogram("inter_token_latency_seconds", engine.counts.interToken)
    histogram("e2e_request_latency_seconds", engine.counts.endToEnd)
    histogram("request_queue_time_seconds", engine.counts.queue)
    histogram("iteration_tokens_total", engine.counts.iterationTokens)
  }

  private mutating func gauges(_ engine: ModelEngine) {
    let waiting = Double(engine.waiting.count)
    family("num_requests_running", "gauge", [("", Double(engine.running.count))])
    family("num_requests_waiting", "gauge", [("", waiting)])
    family(
      "num_requests_waiting_by_reason", "gauge",
      [(",reason=\"capacity\"", waiting), (",reason=\"deferred\"", 0)])
    family("kv_cache_usage_perc", "gauge", [("", engine.cacheUsage)])
  }

  private mutating func counters(_ counts: EngineCounts) {
    let computed = counts.promptTokens - counts.cachedTokens
    family("prefix_cache_queries", "counter", [("", Double(counts.prefixQueries))])
    family("prefix_cache_hits", "counter", [("", Double(counts.prefixHits))])
    family("num_preemptions", "counter", [("", 0)])
    family("prompt_tokens", "counter", [("", Double(counts.promptTokens))])
    family(
      "prompt_tokens_by_source", "counter",
      [
        (",source=\"local_compute\"", Double(computed)),
        (",source=\"local_cache_hit\"", Double(counts.cachedTokens)),
        (",source=\"external_kv_transfer\"", 0),
      ])
    family("prompt_tokens_cached", "counter", [("", Double(counts.cachedTokens))])
    family("generation_tokens", "counter", [("", Double(counts.generationTokens))])
    family(
      "request_success", "counter",
      ["stop", "length", "abort", "error", "repetition"].map {
        (",finished_reason=\"\($0)\"", Double(counts.finished[$0, default: 0]))
      })
  }

  private mutating func family(_ name: String, _ type: String, _ series: [(String, Double)]) {
    let full = "vllm:\(name)" + (type == "counter" ? "_total" : "")
    text += "# HELP \(full) \(name)\n# TYPE \(full) \(type)\n"
    for (extra, value) in series { text += "\(full){\(labels)\(extra)} \(value)\n" }
  }

  private mutating func histogram(_ name: String, _ histogram: Histogram) {
    text += "# HELP vllm:\(name) \(name)\n# TYPE vllm:\(name) histogram\n"
    text += histogram.lines("vllm:\(name)", labels)
  }
}
