/// The text of `/metrics`: the families of vLLM 0.32, in its order, with its words and labels.
/// What the stub has no part for (images, a KV connector, Python's collector) stays 0.
struct MetricsPage {
  private var page = MetricsText()
  private let engine: ModelEngine

  var text: String { page.text }

  init(_ engine: ModelEngine) {
    self.engine = engine
    python()
    process(ProcessFacts())
    page = EngineFamilies(engine, page: page).page
    http(engine.http)
    toolParser(engine.toolParser)
  }

  private mutating func python() {
    let families = [
      ("objects_collected_total", "Objects collected during gc"),
      ("objects_uncollectable_total", "Uncollectable objects found during GC"),
      ("collections_total", "Number of times this generation was collected"),
    ]
    for (name, help) in families {
      page.family(
        "python_gc_\(name)", .counter, help,
        ["0", "1", "2"].map { .init(labels: ["generation": $0], value: .number(0)) })
    }
    let version = [
      "implementation": "CPython", "major": "3", "minor": "11", "patchlevel": "7",
      "version": "3.11.7",
    ]
    page.family(
      "python_info", .gauge, "Python platform information",
      [.init(labels: version, value: .number(1))])
  }

  private mutating func process(_ facts: ProcessFacts) {
    single("virtual_memory_bytes", .gauge, "Virtual memory size in bytes.", facts.virtualBytes)
    single("resident_memory_bytes", .gauge, "Resident memory size in bytes.", facts.residentBytes)
    single(
      "start_time_seconds", .gauge, "Start time of the process since unix epoch in seconds.",
      facts.startTime)
    single(
      "cpu_seconds_total", .counter, "Total user and system CPU time spent in seconds.",
      facts.cpuSeconds)
    single("open_fds", .gauge, "Number of open file descriptors.", facts.openFiles)
    single("max_fds", .gauge, "Maximum number of open file descriptors.", facts.maxFiles)
  }

  private mutating func single(
    _ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: Double
  ) {
    page.family("process_\(name)", kind, help, [.init(value: .number(value))])
  }

  private mutating func http(_ counts: HTTPCounts) {
    page.family(
      "http_requests_total", .counter,
      "Total number of requests by method, status and handler.",
      counts.requests.rows.map {
        .init(labels: $0.labels, value: .number(Double($0.value)), created: $0.created)
      })
    let sizeNote =
      "Only value of header is respected. Otherwise ignored. No percentile calculated. "
    let sizes = [
      ("request", "incoming requests", counts.requestSizes),
      ("response", "outgoing responses", counts.responseSizes),
    ]
    for (name, words, table) in sizes {
      page.family(
        "http_\(name)_size_bytes", .summary, "Content length of \(words) by handler. " + sizeNote,
        table.rows.map {
          let value = MetricsText.Value.summary(count: $0.value.count, sum: $0.value.sum)
          return .init(labels: $0.labels, value: value, created: $0.created)
        })
    }
    page.family(
      "http_request_duration_highr_seconds", .histogram,
      "Latency with many buckets but no API specific labels. "
        + "Made for more accurate percentile calculations. ",
      [.init(value: .histogram(counts.allDurations), created: engine.created)])
    page.family(
      "http_request_duration_seconds", .histogram,
      "Latency with only few buckets by handler. "
        + "Made to be only used if aggregation by handler is important. ",
      counts.durations.rows.map {
        .init(labels: $0.labels, value: .histogram($0.value), created: $0.created)
      })
  }

  private mutating func toolParser(_ counts: ToolParserCounts) {
    var series: [MetricsText.Series] = []
    for streaming in [true, false] {
      for foundCall in [true, false] {
        for type in ["chat_completions", "responses", "other"] {
          let count = counts.count(streaming: streaming, foundCall: foundCall)
          let labels = [
            "mode": streaming ? "streaming" : "non_streaming",
            "model_name": engine.options.servedNames[0],
            "outcome": foundCall ? "tool_call" : "no_tool_call", "request_type": type,
          ]
          let value = type == "chat_completions" ? Double(count) : 0
          series.append(.init(labels: labels, value: .number(value), created: engine.created))
        }
      }
    }
    page.family(
      "vllm:tool_call_parser_invocations_total", .counter,
      "Total number of ToolParser invocations. Non-streaming increments once per choice; "
        + "streaming increments once per delta.", series)
  }
}
