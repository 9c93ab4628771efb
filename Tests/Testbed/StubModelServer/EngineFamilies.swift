/// The `vllm:` families of the engine, in the order and words of vLLM 0.32.
struct EngineFamilies {
  private(set) var page: MetricsText
  private let options: ServeOptions
  private let counts: EngineCounts
  private let created: Double
  private let labels: [String: String]

  /// Writes them behind what the page has.
  init(_ engine: ModelEngine, page: MetricsText) {
    self.page = page
    (options, counts, created) = (engine.options, engine.counts, engine.created)
    // As in vLLM the first served name labels the series, whatever fault is on.
    labels = ["engine": "0", "model_name": engine.options.servedNames[0]]
    estimates()
    gauges()
    caches()
    tokens()
    ends()
    sizes()
    latencies()
    perRequest()
    self.page.family(
      "vllm:cache_config_info", .gauge, "Information of the LLMEngine CacheConfig",
      [.init(labels: cacheConfig, value: .number(1))])
  }

  // MARK: Counters and gauges

  private mutating func estimates() {
    let use = "(for Model Flops Utilization calculations)."
    let estimates = [
      ("flops", "floating point operations"), ("read_bytes", "bytes read from memory"),
      ("write_bytes", "bytes written to memory"),
    ]
    for (name, words) in estimates {
      counter("estimated_\(name)_per_gpu", "Estimated number of \(words) per GPU \(use)", 0)
    }
  }

  private mutating func gauges() {
    let gauges = counts.gauges
    let waiting = Double(gauges.waiting)
    gauge(
      "num_requests_running", "Number of requests in model execution batches.",
      [([:], Double(gauges.running))])
    gauge(
      "num_requests_waiting", "Number of requests waiting to be processed.", [([:], waiting)])
    gauge(
      "num_requests_waiting_by_reason",
      "Number of waiting requests by reason. Reason labels: 'capacity' = waiting for scheduling "
        + "capacity; 'deferred' = deferred by transient constraints (LoRA budget, KV transfer, "
        + "blocked status). Sum of all reasons equals vllm:num_requests_waiting.",
      [(["reason": "capacity"], waiting), (["reason": "deferred"], 0)])
    gauge(
      "engine_sleep_state",
      "Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; "
        + "weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.",
      [("awake", 1.0), ("weights_offloaded", 0), ("discard_all", 0)].map {
        (["sleep_state": $0.0], $0.1)
      })
    gauge(
      "kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.",
      [([:], gauges.cacheUsage)])
  }

  private mutating func caches() {
    let ofTokens = (queries: "number of queried tokens.", hits: "number of cached tokens.")
    let prefix = "Prefix cache"
    counter(
      "prefix_cache_queries", "\(prefix) queries, in terms of \(ofTokens.queries)",
      counts.prefixQueries)
    counter("prefix_cache_hits", "\(prefix) hits, in terms of \(ofTokens.hits)", counts.prefixHits)
    let connector = "from KV connector cross-instance cache sharing, in terms of"
    counter(
      "external_prefix_cache_queries",
      "External prefix cache queries \(connector) \(ofTokens.queries)", 0)
    counter(
      "external_prefix_cache_hits", "External prefix cache hits \(connector) \(ofTokens.hits)", 0)
    counter(
      "mm_cache_queries", "Multi-modal cache queries, in terms of number of queried items.", 0)
    counter("mm_cache_hits", "Multi-modal cache hits, in terms of number of cached items.", 0)
    counter("num_preemptions", "Cumulative number of preemption from the engine.", 0)
  }

  private mutating func tokens() {
    let (computed, cached) = (counts.promptTokens - counts.cachedTokens, counts.cachedTokens)
    counter("prompt_tokens", "Number of prefill tokens processed.", counts.promptTokens)
    counter(
      "prompt_tokens_by_source", "Number of prompt tokens by source.", by: "source",
      [("local_compute", computed), ("local_cache_hit", cached), ("external_kv_transfer", 0)])
    counter(
      "prompt_tokens_cached", "Number of cached prompt tokens (local + external).", cached)
    counter(
      "prompt_tokens_cached_by_source",
      "Prefix-cache hit tokens by the cache tier that supplied them: device (local HBM), host "
        + "(offloaded to DRAM), disk, p2p (transferred from another vLLM instance) or "
        + "external_unspecified. Counted at admission; sums to vllm:prefix_cache_hits + "
        + "vllm:external_prefix_cache_hits.",
      by: "source",
      [
        ("device", counts.prefixHits), ("host", 0), ("p2p", 0), ("disk", 0),
        ("external_unspecified", 0),
      ])
    counter("generation_tokens", "Number of generation tokens processed.", counts.generationTokens)
  }

  private mutating func ends() {
    counter(
      "request_success", "Count of successfully processed requests.", by: "finished_reason",
      ["stop", "length", "abort", "error", "repetition"].map {
        ($0, counts.finished[$0, default: 0])
      })
    // Without the label `engine`.
    let rejected = [
      ("max_num_queued_reqs", counts.queueRejections), ("max_num_queued_tokens", 0),
    ]
    page.family(
      "vllm:admission_rejections_total", .counter,
      "Number of admission attempts rejected by a queue limit, by reason.",
      rejected.map { reason, count in
        .init(
          labels: ["model_name": labels["model_name"] ?? "", "reason": reason],
          value: .number(Double(count)), created: created)
      })
  }

  // MARK: Histograms

  private mutating func sizes() {
    let processed = "tokens processed."
    histogram("request_prompt_tokens", "Number of prefill \(processed)", counts.requestPrompt)
    histogram(
      "request_generation_tokens", "Number of generation \(processed)", counts.requestGeneration)
    histogram(
      "iteration_tokens_total", "Histogram of number of tokens per engine_step.",
      counts.iterationTokens)
    histogram(
      "request_max_num_generation_tokens",
      "Histogram of maximum number of requested generation tokens.", counts.requestMaxGeneration)
    histogram(
      "request_params_n", "Histogram of the n request parameter.", counts.requestCopies)
    histogram(
      "request_params_max_tokens", "Histogram of the max_tokens request parameter.",
      counts.requestMaxTokens)
  }

  private mutating func latencies() {
    histogram(
      "time_to_first_token_seconds", "Histogram of time to first token in seconds.",
      counts.firstToken)
    histogram(
      "inter_token_latency_seconds", "Histogram of inter-token latency in seconds.",
      counts.interToken)
    histogram(
      "request_time_per_output_token_seconds",
      "Histogram of time_per_output_token_seconds per request.", counts.timePerToken)
    histogram(
      "e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.",
      counts.endToEnd)
    let phases = [
      ("queue", "WAITING", counts.queue), ("inference", "RUNNING", counts.inference),
      ("prefill", "PREFILL", counts.prefill), ("decode", "DECODE", counts.decode),
    ]
    for (name, phase, values) in phases {
      histogram(
        "request_\(name)_time_seconds", "Histogram of time spent in \(phase) phase for request.",
        values)
    }
  }

  private mutating func perRequest() {
    histogram(
      "request_num_preemptions", "Histogram of the number of times a request was preempted.",
      counts.requestPreemptions)
    histogram(
      "request_prefill_kv_computed_tokens",
      "Histogram of new KV tokens computed during prefill (excluding cached tokens).",
      counts.requestComputed)
  }

  // MARK: One family

  private mutating func gauge(
    _ name: String, _ help: String, _ series: [(labels: [String: String], value: Double)]
  ) {
    page.family(
      "vllm:\(name)", .gauge, help,
      series.map { .init(labels: labels.merging($0.labels) { $1 }, value: .number($0.value)) })
  }

  private mutating func counter(_ name: String, _ help: String, _ value: Int) {
    page.family(
      "vllm:\(name)_total", .counter, help,
      [.init(labels: labels, value: .number(Double(value)), created: created)])
  }

  private mutating func counter(
    _ name: String, _ help: String, by label: String, _ values: [(name: String, value: Int)]
  ) {
    page.family(
      "vllm:\(name)_total", .counter, help,
      values.map {
        .init(
          labels: labels.merging([label: $0.name]) { $1 }, value: .number(Double($0.value)),
          created: created)
      })
  }

  private mutating func histogram(_ name: String, _ help: String, _ values: Histogram) {
    page.family(
      "vllm:\(name)", .histogram, help,
      [.init(labels: labels, value: .histogram(values), created: created)])
  }

  /// All labels of `cache_config_info`, which has no `model_name`, with Python's words for values; what the stub has no part
  /// for says what vLLM says by default.
  private var cacheConfig: [String: String] {
    let size = options.blockSize
    let tokens = ModelEngine.cacheBlocks * size
    let concurrency = Double(tokens) / Double(options.maxModelLength)
    var config = [
      "_block_size_resolved": "True", "block_size": "\(size)", "cache_dtype": "auto",
      "effective_attention_block_size": "\(size)", "engine": "0",
      "enable_mamba_shared_prefix_checkpoint": "False",
      "enable_prefix_caching": "True", "gpu_memory_utilization": options.memoryUtilization,
      "is_attention_free": "False", "kv_cache_dtype_skip_layers": "[]",
      "kv_cache_max_concurrency": "\(concurrency)", "kv_cache_size_tokens": "\(tokens)",
      "kv_offloading_backend": "native", "kv_sharing_fast_prefill": "False",
      "mamba_cache_dtype": "auto", "mamba_cache_mode": "none", "mamba_ssm_cache_dtype": "float32",
      "num_gpu_blocks": "\(ModelEngine.cacheBlocks)", "prefix_cache_retention_interval": "0",
      "prefix_caching_hash_algo": "sha256", "replayssm_buffer_len": "16",
      "swa_bounded_replay": "True", "use_kda_recoverssm": "False", "use_replayssm": "False",
      "user_specified_block_size": options.givesBlockSize ? "True" : "False",
    ]
    let unset = [
      "cache_hit_alignment_tokens", "hash_block_size", "kv_cache_layout", "kv_cache_memory_bytes",
      "kv_offloading_size", "mamba_block_size", "mamba_page_size_padded", "num_cpu_blocks",
      "num_gpu_blocks_override", "prefix_match_unit", "skip_page_size_padded", "sliding_window",
    ]
    for name in unset { config[name] = "None" }
    return config
  }
}
