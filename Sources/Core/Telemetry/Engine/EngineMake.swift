/// A make of model server: the names under which its pages have what Muster reads.
struct EngineMake: Sendable {
  /// Of each quantity that it shows, newest first: a version may show a family under its old name and its
  /// new one at once, and then they say the same. Of a counter with or without `_total`.
  var names: [EngineFamily: [FamilyCatalogue.Family]]
  /// Its counts of requests are renewed as it steps and seldom at rest: they may say that it works when it
  /// has long ended.
  var countsAge = false

  /// Those that are read.
  static let all = [Self.vllm, .sglang]
}

extension EngineMake {
  /// Every family has a label `engine`, one value a data-parallel rank.
  ///
  /// Source: vLLM 0.32, `vllm/v1/metrics/loggers.py`, and for the names before 0.10 its history.
  static let vllm = Self(names: [
    .running: [.gauge("vllm:num_requests_running")],
    .waiting: [.gauge("vllm:num_requests_waiting")],
    // 0 to 1 in spite of the name.
    .cacheUsage: [.gauge("vllm:kv_cache_usage_perc"), .gauge("vllm:gpu_cache_usage_perc")],
    .prefixQueries: [
      .counter("vllm:prefix_cache_queries"), .counter("vllm:gpu_prefix_cache_queries"),
    ],
    .prefixHits: [.counter("vllm:prefix_cache_hits"), .counter("vllm:gpu_prefix_cache_hits")],
    .promptTokens: [.counter("vllm:prompt_tokens")],
    .generationTokens: [.counter("vllm:generation_tokens")],
    // A histogram in spite of the name: one observation a step that gave output.
    .stepTokens: [.histogram("vllm:iteration_tokens_total")],
    .preemptions: [.counter("vllm:num_preemptions")],
    .finished: [.counter("vllm:request_success")],
    .firstToken: [.histogram("vllm:time_to_first_token_seconds")],
    .interToken: [
      .histogram("vllm:inter_token_latency_seconds"),
      .histogram("vllm:time_per_output_token_seconds"),
    ],
    .endToEnd: [.histogram("vllm:e2e_request_latency_seconds")],
    .queue: [.histogram("vllm:request_queue_time_seconds")],
  ])
}
