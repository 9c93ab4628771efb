extension EngineMake {
  /// One value a data-parallel rank, of the first tensor-parallel rank alone unless
  /// `--enable-metrics-for-all-schedulers` is given. Tokens and requests are counted when a request ends;
  /// counts of requests are renewed with every prefill and every 40th decode step, at rest every 30 s.
  ///
  /// Source: SGLang 0.5, `sglang/srt/observability/metrics_collector.py` and
  /// `scheduler_metrics_mixin.py`; names before 0.5 its history.
  static let sglang = Self(
    numbers: [
      (\.running, [.gauge("sglang:num_running_reqs")]),
      (\.waiting, [.gauge("sglang:num_queue_reqs")]),
      (\.cacheUsage, [.gauge("sglang:token_usage")]),
      (\.prefixQueries, [.counter("sglang:prompt_tokens")]),
      (\.prefixHits, [.counter("sglang:cached_tokens")]),
      (\.promptTokens, [.counter("sglang:prompt_tokens")]),
      (\.generationTokens, [.counter("sglang:generation_tokens")]),
      (\.throughput, [.gauge("sglang:gen_throughput")]),
      (\.preemptions, [.counter("sglang:num_retracted_requests")]),
      (\.finished, [.counter("sglang:num_requests")]),
    ],
    latencies: [
      .firstToken: [.histogram("sglang:time_to_first_token_seconds")],
      .interToken: [
        .histogram("sglang:inter_token_latency_seconds"),
        .histogram("sglang:time_per_output_token_seconds"),
      ],
      .endToEnd: [.histogram("sglang:e2e_request_latency_seconds")],
      .queue: [.histogram("sglang:queue_time_seconds")],
    ],
    countsAge: true)
}
