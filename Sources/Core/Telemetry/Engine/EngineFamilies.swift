/// What Muster reads of `vllm serve`, and the names that it had and has.
///
/// Source: vLLM 0.32, `vllm/v1/metrics/loggers.py`, and for the names before 0.10 its history. Every
/// family has a label `engine`, one value a data-parallel rank: counts of requests and tokens add up
/// over the ranks, of the cache's usage the largest counts.
enum EngineFamilies: Int, CaseIterable {
  case running
  case waiting
  case cacheUsage
  case prefixQueries
  case prefixHits
  case promptTokens
  case generationTokens
  case stepTokens
  case preemptions
  case finished
  case processStart
  case firstToken
  case interToken
  case endToEnd
  case queue

  /// Newest first: a version may show a family under its old name and its new one at once, and
  /// then they say the same.
  private var names: [FamilyCatalogue.Family] {
    switch self {
    case .running: [.gauge("vllm:num_requests_running")]
    case .waiting: [.gauge("vllm:num_requests_waiting")]
    // 0 to 1 in spite of the name.
    case .cacheUsage: [.gauge("vllm:kv_cache_usage_perc"), .gauge("vllm:gpu_cache_usage_perc")]
    // In tokens.
    case .prefixQueries:
      [.counter("vllm:prefix_cache_queries"), .counter("vllm:gpu_prefix_cache_queries")]
    case .prefixHits: [.counter("vllm:prefix_cache_hits"), .counter("vllm:gpu_prefix_cache_hits")]
    case .promptTokens: [.counter("vllm:prompt_tokens")]
    case .generationTokens: [.counter("vllm:generation_tokens")]
    // A histogram in spite of the name: one observation a step that gave output.
    case .stepTokens: [.histogram("vllm:iteration_tokens_total")]
    case .preemptions: [.counter("vllm:num_preemptions")]
    case .finished: [.counter("vllm:request_success")]
    // Of the API server; not there when it is several processes.
    case .processStart: [.gauge("process_start_time_seconds")]
    case .firstToken: [.histogram("vllm:time_to_first_token_seconds")]
    case .interToken:
      [
        .histogram("vllm:inter_token_latency_seconds"),
        .histogram("vllm:time_per_output_token_seconds"),
      ]
    case .endToEnd: [.histogram("vllm:e2e_request_latency_seconds")]
    case .queue: [.histogram("vllm:request_queue_time_seconds")]
    }
  }

  static let catalogue = FamilyCatalogue(Self.allCases.flatMap(\.names))

  /// For each case the indices of its names in the catalogue.
  private static let places: [Range<Int>] = Self.allCases.reduce(into: []) { places, family in
    let start = places.last?.upperBound ?? 0
    places.append(start..<start + family.names.count)
  }

  var places: Range<Int> { Self.places[self.rawValue] }
}

extension FamilyScrape {
  /// Added up over ranks; `nil` where no name is there, or what is there is no number.
  func sum(_ family: EngineFamilies) -> Double? {
    for place in family.places {
      if let sum = self.sum(place) { return sum.isFinite ? sum : nil }
    }
    return nil
  }

  /// The largest over ranks; `nil` as for ``sum(_:)``.
  func maximum(_ family: EngineFamilies) -> Double? {
    for place in family.places {
      var maximum: Double?
      var isThere = false
      self.forEachSample(of: place) { sample in
        isThere = true
        if sample.value.isFinite { maximum = max(maximum ?? sample.value, sample.value) }
      }
      if isThere { return maximum }
    }
    return nil
  }

  func histogram(_ family: EngineFamilies) -> MetricHistogram? {
    for place in family.places {
      if let histogram = self.histogram(place) { return histogram }
    }
    return nil
  }
}
