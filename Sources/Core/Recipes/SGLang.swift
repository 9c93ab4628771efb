import Fleet
import Manifest

/// `recipe: sglang`, one server a replica. Keys and flags as of SGLang 0.5.
enum SGLang {
  static let form = RecipeForm(
    "One `python3 -m sglang.launch_server` a replica", readyTimeoutSeconds: 1800,
    stopGraceSeconds: 60, packages: ["sglang"],
    ManifestMapping(
      ServerSettings(port: 30000, executable: "python3", host: "0.0.0.0"), "a service",
      title: "Recipe `sglang`",
      ManifestKey.common(names: Self.names) + Self.keys
        + ManifestKey.places(
          host: .defaulted(
            "host", \.host, ManifestType.address.optional, "Where it listens"),
          executable: "What is started: a Python, or a program that gets the arguments alone"))
  ) { reading, service, launch, faults in
    Self.checkKey(reading, of: service, &faults)
    return Self.engine.template(reading, of: service, launch, faults: &faults)
  }

  /// Only a Python is given the key; another program has to take it from its environment itself.
  private static func checkKey(
    _ reading: ManifestReading<ServerSettings>, of service: ManifestService,
    _ faults: inout ManifestFaults
  ) {
    let settings = reading.root
    let hasKey =
      service.secrets.contains(Self.keyVariable)
      || service.environment.contains { $0.name == Self.keyVariable }
    guard hasKey, !Self.isPython(settings), !settings.extra.has("--api-key"),
      let place = reading.place(of: \.executable)
    else { return }
    faults.add(
      Diagnostic(
        .warning, code: "key-not-given",
        "`\(settings.executable)` is no Python: \(Self.keyVariable) is not put among its arguments",
        at: place,
        hints: [
          "unless it asks for the key by itself, its server answers everybody: write a `python3` that "
            + "has SGLang"
        ]))
  }

  private static func isPython(_ settings: ServerSettings) -> Bool {
    settings.executable.split(separator: "/").last?.hasPrefix("python") == true
  }

  private static let names = ManifestKey<ServerSettings>.optional(
    "served_model_name", \.servedModelNames, .oneName, without: "the model",
    "The name in requests")

  private static let keys: [ManifestKey<ServerSettings>] = [
    .optional(
      "max_running_requests", \.batchSizeMax, .integer(1...65536), without: "SGLang's",
      "Requests in a batch"),
    .optional(
      "context_length", \.lengthMax, .integer(1...100_000_000), without: "the model's",
      "Tokens of a sequence, prompt and answer"),
    .optional(
      "mem_fraction_static", \.memoryShare, .decimal(0.01...0.99), without: "SGLang's",
      "The share of a GPU's memory for weights and cache"),
    .optional(
      "tool_call_parser", \.toolCallParser, .text, without: "none",
      "How the model writes a call: `qwen25`, …"),
    .optional(
      "reasoning_parser", \.reasoningParser, .text, without: "none",
      "How it writes its reasoning: `qwen3`, …"),
  ]

  /// SGLang itself takes a key from its arguments alone, which every user of the node may read, so that
  /// it is put among them within the process.
  private static let keyVariable = "SGLANG_API_KEY"
  private static let startWithKey =
    "import os, runpy, sys; sys.argv[1:1] = ['--api-key', os.environ['\(Self.keyVariable)']]; "
    + "runpy.run_module('sglang.launch_server', run_name='__main__', alter_sys=True)"

  private static let engine = ServerEngine(
    progressMarks: [
      "server_args=", "Init torch distributed begin", "Load weight begin", "Load weight end",
      "KV Cache is allocated", "Memory pool end", "Capture cuda graph begin",
      "Capture cuda graph end", "max_total_num_tokens=", "Uvicorn running on",
      "The server is fired up and ready to roll",
    ],
    spellings: [["--model-path", "--model"], ["--tp-size", "--tensor-parallel-size"]],
    unaskable: [
      ("--ssl-certfile", "the canary asks in plain HTTP"),
      ("--is-embedding", "it generates nothing then"),
      ("--skip-tokenizer-init", "it takes no text then"),
      ("--nnodes", "its replicas would be one server"),
      ("--config", "what it says is not known here"),
    ],
    keyVariable: Self.keyVariable,
    // Its health is asked by a request of its own, and a 503 heals: its canary tells.
    healthPath: nil, addressVariable: "SGLANG_HOST_IP",
    start: { settings, hasKey in
      guard Self.isPython(settings) else { return [settings.executable] }
      return [settings.executable]
        + (hasKey && !settings.extra.has("--api-key")
          ? ["-c", Self.startWithKey] : ["-m", "sglang.launch_server"])
    },
    flags: { settings in
      ServerSettings.flags([
        ("--model-path", settings.model)
      ]) + settings.names
        + ServerSettings.flags([("--host", settings.host), ("--port", "{port}")])
        + ["--enable-metrics"]
        + ServerSettings.flags([
          ("--tp-size", settings.tensorParallel.map(String.init)),
          ("--mem-fraction-static", settings.memoryShare),
          ("--max-running-requests", settings.batchSizeMax.map(String.init)),
          ("--context-length", settings.lengthMax.map(String.init)),
          ("--tool-call-parser", settings.toolCallParser),
          ("--reasoning-parser", settings.reasoningParser),
        ])
    },
    gpuCount: { settings in
      let extra = settings.extra
      // Ranks of data-parallel attention are those of tensor parallelism; others have their own GPUs.
      let ranks =
        extra.has("--enable-dp-attention")
        ? 1 : extra.size("--dp-size", "--data-parallel-size", "--dp")
      return (settings.tensorParallel ?? extra.size("--tp-size", "--tensor-parallel-size", "--tp"))
        * extra.size("--pp-size", "--pipeline-parallel-size") * ranks
    },
    fingerprint: { settings in
      [
        ("max_running_requests", settings.batchSizeMax.map(String.init) ?? ""),
        ("context_length", settings.lengthMax.map(String.init) ?? ""),
        ("extra_args", ShellQuoting.join(settings.extra.words)),
      ]
    })
}

extension ManifestType<[String]> {
  fileprivate static var oneName: Self {
    Self(.text(.any())) { value, subject, faults in
      if case .list(let names) = value.content {
        faults.error(
          "several-names",
          "\(subject) has \(names.count) names, and SGLang serves a model under one",
          at: value.location, hint: "keep one of them")
        return nil
      }
      return value.text(of: subject, faults: &faults).map { [$0] }
    }
  }
}
