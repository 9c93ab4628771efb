import Fleet
import Launch
import Manifest

/// The settings of `recipe: sglang`, one `python3 -m sglang.launch_server` a replica. Flags as of
/// SGLang 0.5.
///
/// | key | value |
/// |---|---|
/// | `model` ✱ | name or path |
/// | `served_model_name` | the name in requests; the model |
/// | `tensor_parallel` | GPUs of a replica, 1–64; 1 |
/// | `max_running_requests` `context_length` | whole numbers; SGLang's own |
/// | `mem_fraction_static` | above 0, below 1 |
/// | `tool_call_parser` `reasoning_parser` | `qwen25`, `qwen3`, … |
/// | `host` `port` | where it listens (all interfaces); 30000, replica k of a node gets port + k |
/// | `extra_args` | further arguments, as they are |
/// | `executable` | `python3`; a program that is no Python gets the arguments alone |
struct SGLangSettings {
  /// Texts of log lines while it loads, in their order.
  static let progressMarks = [
    "server_args=", "Init torch distributed begin", "Load weight begin", "Load weight end",
    "KV Cache is allocated", "Memory pool end", "Capture cuda graph begin",
    "Capture cuda graph end", "max_total_num_tokens=", "Uvicorn running on",
    "The server is fired up and ready to roll",
  ]

  /// The variable of the key: SGLang itself takes one from its arguments alone, which every user of the
  /// node may read, so that it is put among them within the process.
  private static let keyVariable = "SGLANG_API_KEY"
  private static let startWithKey =
    "import os, runpy, sys; sys.argv[1:1] = ['--api-key', os.environ['\(Self.keyVariable)']]; "
    + "runpy.run_module('sglang.launch_server', run_name='__main__', alter_sys=True)"

  private static let unaskable = [
    (flag: "--ssl-certfile", reason: "the canary asks in plain HTTP"),
    (flag: "--is-embedding", reason: "it generates nothing then"),
    (flag: "--skip-tokenizer-init", reason: "it takes no text then"),
    (flag: "--nnodes", reason: "its replicas would be one server"),
    (flag: "--config", reason: "what it says is not known here"),
  ]

  var model: String
  var servedModelName: String
  var tensorParallel: Int?
  var maxRunningRequests: Int?
  var contextLength: Int?
  var memoryFraction: String?
  var toolCallParser: String?
  var reasoningParser: String?
  var host: String
  var port: Int
  var extra: ExtraArguments
  var executable: String
  /// Whether its variable has a key.
  var hasKey: Bool

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
    template.addressVariables = ["SGLANG_HOST_IP"]
    return template
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
    let extraPlace = reader.value("extra_args")?.location
    let settings = Self(
      model: model ?? "",
      servedModelName: reader.text("served_model_name", faults: &faults) ?? model ?? "",
      tensorParallel: reader.integer("tensor_parallel", in: 1...64, faults: &faults),
      maxRunningRequests: reader.integer("max_running_requests", in: 1...65536, faults: &faults),
      contextLength: reader.integer("context_length", in: 1...100_000_000, faults: &faults),
      memoryFraction: reader.decimal("mem_fraction_static", in: 0.01...0.99, faults: &faults)?.text,
      toolCallParser: reader.text("tool_call_parser", faults: &faults),
      reasoningParser: reader.text("reasoning_parser", faults: &faults),
      host: reader.text("host", faults: &faults) ?? "0.0.0.0",
      port: reader.integer("port", in: 1...65535, faults: &faults) ?? 30000,
      extra: ExtraArguments(
        reader.texts("extra_args", faults: &faults) ?? [], splitting: ["--api-key"]),
      executable: reader.text("executable", faults: &faults) ?? "python3",
      hasKey: service.secrets.contains(Self.keyVariable)
        || service.environment.contains { $0.name == Self.keyVariable })
    reader.finish(alsoKnown: ManifestService.keys, faults: &faults)
    if let extraPlace {
      settings.extra.check(
        own: settings.flags, unaskable: Self.unaskable, at: extraPlace, faults: &faults)
    }
    return model == nil ? nil : settings
  }

  /// Its health is asked by a request of its own, and a 503 heals: its canary tells.
  private var server: ModelServer {
    var server = ModelServer(
      host: self.host, port: self.port, model: self.servedModelName,
      keyVariable: Self.keyVariable, healthPath: nil)
    server.keyArgument = self.extra.place(afterLast: "--api-key").map { place in
      self.argv.count - self.extra.words.count + place
    }
    server.parsesReasoning = self.reasoningParser != nil
    return server
  }

  /// Ranks of data-parallel attention are those of tensor parallelism; others have GPUs of their own.
  private var gpuCount: Int {
    let ranks =
      self.extra.has("--enable-dp-attention") ? 1 : self.extra.size("--dp-size", "--data-parallel-size", "--dp")
    return (self.tensorParallel ?? self.extra.size("--tp-size", "--tensor-parallel-size", "--tp"))
      * self.extra.size("--pp-size", "--pipeline-parallel-size") * ranks
  }

  private var argv: [String] { [self.executable] + self.start + self.flags + self.extra.words }

  private var start: [String] {
    let name = self.executable.split(separator: "/").last ?? ""
    guard name.hasPrefix("python") else { return [] }
    return self.hasKey && !self.extra.has("--api-key")
      ? ["-c", Self.startWithKey] : ["-m", "sglang.launch_server"]
  }

  private var flags: [String] {
    var words = [
      "--model-path", self.model, "--served-model-name", self.servedModelName, "--host", self.host,
      "--port", "{port}", "--enable-metrics",
    ]
    if let count = self.tensorParallel { words += ["--tp-size", "\(count)"] }
    if let fraction = self.memoryFraction { words += ["--mem-fraction-static", fraction] }
    if let count = self.maxRunningRequests { words += ["--max-running-requests", "\(count)"] }
    if let length = self.contextLength { words += ["--context-length", "\(length)"] }
    if let parser = self.toolCallParser { words += ["--tool-call-parser", parser] }
    if let parser = self.reasoningParser { words += ["--reasoning-parser", parser] }
    return words
  }

  /// What enters the keys of its compilers and is known now.
  private var fingerprintInputs: [(name: String, value: String)] {
    [
      ("recipe", "sglang"), ("model", self.model),
      ("tensor_parallel", "\(self.tensorParallel ?? 1)"),
      ("max_running_requests", self.maxRunningRequests.map(String.init) ?? ""),
      ("context_length", self.contextLength.map(String.init) ?? ""),
      ("extra_args", ShellQuoting.join(self.extra.words)),
    ]
  }
}
