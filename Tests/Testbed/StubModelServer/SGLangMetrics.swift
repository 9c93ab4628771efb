/// The text of `/metrics` of SGLang: those of its families that people watch, with its words and labels.
/// Source: `sglang/srt/observability/metrics_collector.py` of SGLang 0.5.
struct SGLangMetrics {
  private var page = MetricsText()
  private let labels: [String: String]

  var text: String { page.text }

  init(_ engine: ModelEngine) {
    let counts = engine.counts
    labels = [
      "engine_type": "unified", "model_name": engine.options.servedNames[0], "pp_rank": "0",
      "tp_rank": "0",
    ]
    let gauges = counts.gauges
    gauge("num_running_reqs", "The number of running requests.", Double(gauges.running))
    gauge("num_queue_reqs", "The number of requests in the waiting queue.", Double(gauges.waiting))
    gauge("gen_throughput", "The generation throughput (token/s).", 0)
    gauge("cache_hit_rate", "The prefix cache hit rate.", hitRate(counts))
    gauge("token_usage", "The token usage.", gauges.cacheUsage)
    let slots = Double(ModelEngine.cacheBlocks * engine.options.blockSize)
    gauge("num_used_tokens", "The number of used tokens.", (gauges.cacheUsage * slots).rounded())
    gauge("max_total_num_tokens", "Maximum total number of tokens in the KV cache pool.", slots)
    counter("num_retracted_requests", "Total number of retracted requests.", 0)
    counter("prompt_tokens", "Number of prefill tokens processed.", counts.promptTokens)
    counter("generation_tokens", "Number of generation tokens processed.", counts.generationTokens)
    counter("cached_tokens", "Number of cached prompt tokens.", counts.cachedTokens)
    counter("num_requests", "Number of requests processed.", counts.finished.values.reduce(0, +))
    histogram(
      "time_to_first_token", "Histogram of time to first token in seconds.", counts.firstToken)
    histogram(
      "inter_token_latency", "Histogram of inter-token latency in seconds.", counts.interToken)
    histogram(
      "e2e_request_latency", "Histogram of End-to-end request latency in seconds", counts.endToEnd)
    histogram("queue_time", "Histogram of queueing time in seconds.", counts.queue)
  }

  private func hitRate(_ counts: EngineCounts) -> Double {
    counts.prefixQueries == 0 ? 0 : Double(counts.prefixHits) / Double(counts.prefixQueries)
  }

  private mutating func gauge(_ name: String, _ help: String, _ value: Double) {
    page.family("sglang:\(name)", .gauge, help, [.init(labels: labels, value: .number(value))])
  }

  private mutating func counter(_ name: String, _ help: String, _ value: Int) {
    page.family(
      "sglang:\(name)_total", .counter, help,
      [.init(labels: labels, value: .number(Double(value)))])
  }

  private mutating func histogram(_ name: String, _ help: String, _ value: Histogram) {
    page.family(
      "sglang:\(name)_seconds", .histogram, help,
      [.init(labels: labels, value: .histogram(value))])
  }
}
