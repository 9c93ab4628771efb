import Fleet
import Launch
import Manifest

/// The settings of `recipe: vllm`, one `vllm serve` a replica. Flags as of vLLM 0.32.
///
/// | key | value |
/// |---|---|
/// | `model` ✱ | name or path |
/// | `served_model_name` | the name in requests; the model |
/// | `tensor_parallel` | GPUs of a replica, 1–64; 1 |
/// | `max_num_seqs` `max_model_len` | whole numbers; vLLM's own |
/// | `cudagraph_capture_sizes` | list, 1–8192 each |
/// | `gpu_memory_utilization` | above 0, at most 1 |
/// | `enable_prefix_caching` `enable_auto_tool_choice` | `true`, `false` |
/// | `tool_call_parser` | `hermes`, `qwen3_coder`, … |
/// | `host` `port` | where it listens (all interfaces); 8000, replica k of a node gets port + k |
/// | `extra_args` | further arguments, as they are |
/// | `executable` | `vllm` |
struct VLLMSettings {
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

  static func template(
    for service: ManifestService, faults: inout ManifestFaults
  ) -> LaunchTemplate? {
    var reader = MappingReader(
      service.settings, subject: "service `\(service.name)`", faults: &faults)
    let portPlace = reader.value("port")?.location ?? service.location
    guard let settings = Self.read(&reader, service: service, faults: &faults) else { return nil }
    var launch = LaunchSpecification(
      argv: settings.argv, readyTimeoutSeconds: service.readyTimeoutSeconds ?? 1800,
      progressMarks: Self.progressMarks, stopGraceSeconds: service.stopGraceSeconds ?? 60,
      ports: [settings.port], model: settings.server)
    launch.devices = .gpus(settings.gpuCount)
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
    _ reader: inout MappingReader, service: ManifestService, faults: inout ManifestFaults
  ) -> Self? {
    let model = reader.text("model", faults: &faults)
    if model == nil {
      faults.error(
        "no-model", "service `\(service.name)` names no `model`", at: service.location,
        hint: "write `model: organisation/name` or the path of its folder on the nodes")
    }
    let utilization = reader.decimal("gpu_memory_utilization", in: 0.01...1, faults: &faults)
    let settings = Self(
      model: model ?? "",
      servedModelName: reader.text("served_model_name", faults: &faults) ?? model ?? "",
      tensorParallel: reader.integer("tensor_parallel", in: 1...64, faults: &faults),
      maxNumSeqs: reader.integer("max_num_seqs", in: 1...65536, faults: &faults),
      maxModelLen: reader.integer("max_model_len", in: 1...100_000_000, faults: &faults),
      captureSizes: reader.integers(
        "cudagraph_capture_sizes", in: 1...8192, faults: &faults) ?? [],
      gpuMemoryUtilization: utilization?.text,
      enablePrefixCaching: reader.boolean("enable_prefix_caching", faults: &faults),
      enableAutoToolChoice: reader.boolean("enable_auto_tool_choice", faults: &faults) ?? false,
      toolCallParser: reader.text("tool_call_parser", faults: &faults),
      host: reader.text("host", faults: &faults),
      port: reader.integer("port", in: 1...65535, faults: &faults) ?? 8000,
      extraArguments: reader.texts("extra_args", faults: &faults) ?? [],
      executable: reader.text("executable", faults: &faults) ?? "vllm")
    settings.crossCheck(&reader, faults: &faults)
    reader.finish(alsoKnown: ManifestService.keys, faults: &faults)
    return model == nil ? nil : settings
  }

  /// What each key allows and the keys together do not.
  private func crossCheck(_ reader: inout MappingReader, faults: inout ManifestFaults) {
    if self.enableAutoToolChoice, self.toolCallParser == nil,
      let place = reader.value("enable_auto_tool_choice")?.location
    {
      faults.error(
        "no-tool-parser", "`enable_auto_tool_choice` is `true` without a `tool_call_parser`",
        at: place, hint: "write the model's parser: `tool_call_parser: hermes`")
    }
    if self.toolCallParser != nil, !self.enableAutoToolChoice,
      let place = reader.value("tool_call_parser")?.location
    {
      faults.add(
        Diagnostic(
          .warning, code: "unused-tool-parser",
          "`tool_call_parser` does nothing without `enable_auto_tool_choice`", at: place,
          hints: ["write `enable_auto_tool_choice: true`"]))
    }
    if let most = self.maxNumSeqs, let place = reader.value("cudagraph_capture_sizes")?.location,
      let size = self.captureSizes.first(where: { $0 > most })
    {
      faults.add(
        Diagnostic(
          .warning, code: "unused-capture-size",
          "`cudagraph_capture_sizes` has `\(size)`, above `max_num_seqs` \(most)", at: place,
          hints: ["a batch never has more than `max_num_seqs` sequences: the graph is not used"]))
    }
    if let place = reader.value("extra_args")?.location {
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
