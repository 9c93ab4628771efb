import Fleet
import Launch
import Manifest

/// The settings of `recipe: sglang`, one server a replica. Flags as of SGLang 0.5.
struct SGLangSettings {
  private enum Keys {
    static let model = ManifestKey(
      required: "model", .text(like: .any("name or path")),
      hint: "write `model: organisation/name` or the path of its folder on the nodes",
      "What is served")
    static let servedModelName = ManifestKey(
      "served_model_name", .text, without: "the model", "The name in requests")
    static let tensorParallel = ManifestKey(
      "tensor_parallel", .integer(1...64), without: "1", "GPUs of a replica")
    static let maxRunningRequests = ManifestKey(
      "max_running_requests", .integer(1...65536), without: "SGLang's", "Requests in a batch")
    static let contextLength = ManifestKey(
      "context_length", .integer(1...100_000_000), without: "the model's",
      "Tokens of a sequence, prompt and answer")
    static let memoryFraction = ManifestKey(
      "mem_fraction_static", .decimal(0.01...0.99), without: "SGLang's",
      "The share of a GPU's memory for weights and cache")
    static let toolCallParser = ManifestKey(
      "tool_call_parser", .text, without: "none", "How the model writes a call: `qwen25`, …")
    static let reasoningParser = ManifestKey(
      "reasoning_parser", .text, without: "none", "How it writes its reasoning: `qwen3`, …")
    static let host = ManifestKey(
      "host", .text(like: .any("address")), default: "0.0.0.0", "Where it listens")
    static let port = ManifestKey(
      "port", .integer(1...65535), default: 30000, "Replica k of a node gets it plus k")
    static let extraArguments = ManifestKey(
      "extra_args", .list(of: .text), default: [], "Further arguments, as they are")
    static let executable = ManifestKey(
      "executable", .text(like: .any("program")), default: "python3",
      "What is started: a Python, or a program that gets the arguments alone")
  }

  static let form = RecipeForm(
    meaning: "One `python3 -m sglang.launch_server` a replica", readyTimeoutSeconds: 1800,
    stopGraceSeconds: 60, packages: ["sglang"],
    table: ManifestTable(
      "a service", title: "Recipe `sglang`", Keys.model, Keys.servedModelName,
      Keys.tensorParallel, Keys.maxRunningRequests, Keys.contextLength, Keys.memoryFraction,
      Keys.toolCallParser, Keys.reasoningParser, Keys.host, Keys.port, Keys.extraArguments,
      Keys.executable),
    templates: { Self.template(for: $0, faults: &$1).map { [$0] } })

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

  private static func template(
    for service: ManifestService, faults: inout ManifestFaults
  ) -> LaunchTemplate? {
    var reader = Self.form.reader(of: service, faults: &faults)
    let portPlace = reader.value(Keys.port)?.location ?? service.location
    guard let settings = Self.read(&reader, of: service, faults: &faults) else { return nil }
    var launch = Self.form.launch(of: service, argv: settings.argv, ports: [settings.port])
    launch.progressMarks = Self.progressMarks
    (launch.model, launch.devices) = (settings.server, .gpus(settings.gpuCount))
    if settings.model.hasPrefix("/") { launch.neededFolders = [settings.model] }
    var template = LaunchTemplate(
      launch, argvLocation: service.location, portsLocation: portPlace,
      fingerprintInputs: settings.fingerprintInputs)
    template.addressVariables = ["SGLANG_HOST_IP"]
    return template
  }

  private static func read(
    _ reader: inout MappingReader, of service: ManifestService, faults: inout ManifestFaults
  ) -> Self? {
    let model = reader.read(Keys.model, faults: &faults)
    let extraPlace = reader.value(Keys.extraArguments)?.location
    let settings = Self(
      model: model ?? "",
      servedModelName: reader.read(Keys.servedModelName, faults: &faults) ?? model ?? "",
      tensorParallel: reader.read(Keys.tensorParallel, faults: &faults),
      maxRunningRequests: reader.read(Keys.maxRunningRequests, faults: &faults),
      contextLength: reader.read(Keys.contextLength, faults: &faults),
      memoryFraction: reader.read(Keys.memoryFraction, faults: &faults),
      toolCallParser: reader.read(Keys.toolCallParser, faults: &faults),
      reasoningParser: reader.read(Keys.reasoningParser, faults: &faults),
      host: reader.read(Keys.host, faults: &faults),
      port: reader.read(Keys.port, faults: &faults),
      extra: ExtraArguments(
        reader.read(Keys.extraArguments, faults: &faults), splitting: ["--api-key"]),
      executable: reader.read(Keys.executable, faults: &faults),
      hasKey: service.secrets.contains(Self.keyVariable)
        || service.environment.contains { $0.name == Self.keyVariable })
    reader.finish(alsoKnown: ServiceKeys.table, faults: &faults)
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
      self.extra.has("--enable-dp-attention")
      ? 1 : self.extra.size("--dp-size", "--data-parallel-size", "--dp")
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
