package import CompileCache
package import Fleet
package import Launch
package import Manifest

/// The recipes by name.
package enum Recipe: String, CaseIterable, Sendable {
  case command
  case vllm
  case sglang

  /// Reads the service's settings and makes what its replicas launch.
  ///
  /// - Returns: One template for each role within the service, in the order of placement: each but the
  ///   last is of one replica, the last of all others. `nil` after a fault, which is recorded.
  package static func templates(
    for service: ManifestService, faults: inout ManifestFaults
  ) -> [LaunchTemplate]? {
    guard let recipe = Self(rawValue: service.recipe) else {
      let names = Self.allCases.map(\.rawValue)
      faults.error(
        "unknown-recipe", "service `\(service.name)` names an unknown recipe `\(service.recipe)`",
        at: service.recipeLocation,
        hint: Nearest.hint(for: service.recipe, in: names, as: "recipes"))
      return nil
    }
    return recipe.form.templates(service, &faults)
  }

  /// What it is and which settings it has.
  package var form: RecipeForm {
    switch self {
    case .command: CommandSettings.form
    case .vllm: VLLM.form
    case .sglang: SGLang.form
    }
  }

  /// What engines compile just in time for themselves, beside the caches that they have in common.
  package static let caches = Self.allCases.flatMap(\.form.caches)

  /// Packages of Python that are engines, as installers normalize their names.
  package static let engines = Self.allCases.flatMap(\.form.packages)

  /// Those whose versions tell with what a service computes.
  package static let packages = ["flashinfer-python", "ray", "torch", "triton"] + Self.engines

  /// What to write for a service that serves a model.
  package static let servingHint: String = {
    let names = Self.allCases.filter { !$0.form.packages.isEmpty }.map {
      "`recipe: \($0.rawValue)`"
    }
    return "a service with \(names.joined(separator: " or ")) serves a model"
  }()
}

/// What a recipe is and which settings it has.
package struct RecipeForm: Sendable {
  /// In a few words, as a sentence begins, for the tables.
  package let meaning: String
  /// From the start of a process to ready, where the service says nothing.
  package let readyTimeoutSeconds: Int
  /// From TERM to KILL, where the service says nothing.
  package let stopGraceSeconds: Int
  /// Packages of Python that are its engine; empty: it has none that serves a model.
  let packages: [String]
  /// What its engine compiles just in time for itself.
  let caches: [CacheFolder]
  /// Its keys in a service, beside those of every service.
  package let table: ManifestTable
  /// As ``Recipe/templates(for:faults:)``.
  let templates: @Sendable (ManifestService, inout ManifestFaults) -> [LaunchTemplate]?

  /// - Parameter template: What replicas launch, from the settings and a launch that has what is not
  ///   the recipe's alone; `nil` after a fault, which is recorded.
  init<Settings>(
    _ meaning: String, readyTimeoutSeconds: Int, stopGraceSeconds: Int, packages: [String] = [],
    caches: [CacheFolder] = [], _ mapping: ManifestMapping<Settings>,
    template:
      @escaping @Sendable (
        ManifestReading<Settings>, ManifestService, LaunchSpecification, inout ManifestFaults
      ) -> LaunchTemplate?
  ) {
    self.meaning = meaning
    self.readyTimeoutSeconds = readyTimeoutSeconds
    self.stopGraceSeconds = stopGraceSeconds
    self.packages = packages
    self.caches = caches
    self.table = mapping.table
    self.templates = { service, faults in
      let reading = mapping.read(
        service.settings, subject: "service `\(service.name)`", at: service.location,
        alsoKnown: ManifestService.keys, faults: &faults)
      let launch = LaunchSpecification(
        argv: [], readyTimeoutSeconds: service.readyTimeoutSeconds ?? readyTimeoutSeconds,
        stopGraceSeconds: service.stopGraceSeconds ?? stopGraceSeconds)
      let made = template(reading, service, launch, &faults)
      return reading.isComplete ? made.map { [$0] } : nil
    }
  }
}

/// What a recipe makes of a service's settings: a launch that still holds placeholders, ports that are
/// those of the first replica on a node, and what only the plan can fill in.
package struct LaunchTemplate: Sendable {
  /// Arguments, probe and model may hold placeholders such as `{port}`. Its environment is the recipe's:
  /// the manifest's variables win.
  package var launch: LaunchSpecification
  /// Where to point when a placeholder is wrong.
  package var argvLocation: SourceLocation
  package var portsLocation: SourceLocation
  /// Variables that get the node's address, where that is of digits.
  package var addressVariables: [String] = []
  /// See ``CoreShare/variable``.
  package var coresVariable: String?
  /// What the compile caches depend on, as far as it is known; names once each.
  package var fingerprintInputs: [(name: String, value: String)]
}

extension DeviceNeed {
  /// As CUDA and ROCm name what a process sees.
  static func gpus(_ count: Int) -> Self {
    Self(
      count: count,
      variables: ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"])
  }
}

// MARK: Servers of models

/// The settings of a recipe that serves a model, whatever its engine. An engine has keys for those that
/// it knows; what it has none for stays as it is here.
struct ServerSettings: Sendable {
  var model = ""
  /// Empty: the model's, or those of the further arguments.
  var servedModelNames: [String] = []
  var tensorParallel: Int?
  /// Sequences or requests in a batch.
  var batchSizeMax: Int?
  /// Tokens of a sequence, prompt and answer.
  var lengthMax: Int?
  var captureSizes: [Int] = []
  /// As it is written.
  var memoryShare: String?
  var keepsPrefixes: Bool?
  var choosesTools = false
  var toolCallParser: String?
  var reasoningParser: String?
  var host: String?
  /// Of the first replica on a node.
  var port: Int
  var extraArguments: [String] = []
  var executable: String

  init(port: Int, executable: String, host: String? = nil) {
    self.port = port
    self.executable = executable
    self.host = host
  }

  private static let nameFlag = "--served-model-name"

  private var namesInArguments: [String] {
    self.servedModelNames.isEmpty ? self.extra.values(of: Self.nameFlag) : []
  }

  /// The first of its names, which is that in its metrics too.
  var name: String { (self.servedModelNames + self.namesInArguments).first ?? self.model }

  /// The flag of its names, unless the further arguments have it.
  var names: [String] {
    guard self.namesInArguments.isEmpty else { return [] }
    return [Self.nameFlag] + (self.servedModelNames.isEmpty ? [self.model] : self.servedModelNames)
  }

  /// What is added to the arguments; the key of a server stands alone, to be pointed to.
  var extra: ExtraArguments { ExtraArguments(self.extraArguments, splitting: ["--api-key"]) }

  /// The flags that have a value, with it, in this order.
  static func flags(_ flags: [(name: String, value: String?)]) -> [String] {
    flags.flatMap { flag in flag.value.map { [flag.name, $0] } ?? [] }
  }
}

/// What an engine makes of its settings.
struct ServerEngine: Sendable {
  /// Texts of log lines while it loads, in their order.
  var progressMarks: [String]
  /// Flags that are the same, of those that ``flags`` writes.
  var spellings: [[String]]
  /// Flags with which no canary gets an answer, so that the replica would never be ready.
  var unaskable: [(flag: String, reason: String)]
  /// The variable of the key that it asks for.
  var keyVariable: String
  /// See ``ModelServer/healthPath``.
  var healthPath: String?
  /// See ``LaunchTemplate/addressVariables``.
  var addressVariable: String
  /// See ``CoreShare/variable``.
  var coresVariable: String?
  /// The program and what stands before its flags.
  var start: @Sendable (ServerSettings, _ hasKey: Bool) -> [String]
  /// Those that settings give.
  var flags: @Sendable (ServerSettings) -> [String]
  /// GPUs of one replica; a size may stand among the further arguments.
  var gpuCount: @Sendable (ServerSettings) -> Int
  /// What enters the key of its compile caches and is known now, beside the model and its GPUs.
  var fingerprint: @Sendable (ServerSettings) -> [(name: String, value: String)]

  /// - Parameter launch: What is not the recipe's alone.
  func template(
    _ reading: ManifestReading<ServerSettings>, of service: ManifestService,
    _ launch: LaunchSpecification, faults: inout ManifestFaults
  ) -> LaunchTemplate {
    let (settings, extra) = (reading.root, reading.root.extra)
    let hasKey =
      service.secrets.contains(self.keyVariable)
      || service.environment.contains { $0.name == self.keyVariable }
    let own = self.flags(settings)
    if let place = reading.place(of: \.extraArguments) {
      extra.check(
        own: own, spellings: self.spellings, unaskable: self.unaskable,
        keyVariable: self.keyVariable, at: place, faults: &faults)
    }
    self.checkAddress(service, faults: &faults)
    let words = self.start(settings, hasKey) + own
    var server = ModelServer(
      host: settings.host ?? extra.value(of: ["--host"]) ?? "", port: settings.port,
      model: settings.name, keyVariable: self.keyVariable, healthPath: self.healthPath)
    server.keyArgument = extra.place(afterLast: "--api-key").map { words.count + $0 }
    server.parsesReasoning =
      settings.reasoningParser != nil || extra.has("--reasoning-parser")
    var launch = launch
    (launch.argv, launch.ports) = (words + extra.words, [settings.port])
    launch.progressMarks = self.progressMarks
    (launch.model, launch.devices) = (server, .gpus(self.gpuCount(settings)))
    if settings.model.hasPrefix("/") { launch.neededFolders = [settings.model] }
    return LaunchTemplate(
      launch: launch, argvLocation: service.location,
      portsLocation: reading.place(of: \.port) ?? service.location,
      addressVariables: [self.addressVariable], coresVariable: self.coresVariable,
      fingerprintInputs: [
        ("recipe", service.recipe), ("model", settings.model),
        ("tensor_parallel", "\(settings.tensorParallel ?? 1)"),
      ] + self.fingerprint(settings))
  }
}

extension ServerEngine {
  /// The variable of the node's own address has the name of another thing: where the server listens.
  private func checkAddress(_ service: ManifestService, faults: inout ManifestFaults) {
    for variable in service.environment where variable.name == self.addressVariable {
      let isAny = ["0.0.0.0", "::", ""].contains(variable.value)
      guard isAny || service.nodes.count > 1, !variable.value.contains("{") else { continue }
      let what = isAny ? "`\(variable.value)`" : "the same on \(service.nodes.count) nodes"
      faults.add(
        Diagnostic(
          .warning, code: "misread-variable",
          "`\(variable.name)` is \(what): it is a node's own address, not where it listens",
          at: variable.location,
          hints: ["leave it out, or write `{address}`; where it listens is `host`"]))
    }
  }
}

extension ManifestKey<ServerSettings> {
  /// What every server has: its model, the model's names and its GPUs.
  ///
  /// - Parameter names: Their key.
  static func common(names: Self) -> [Self] {
    [
      .required(
        "model", \.model, .text(like: .any("name or path")),
        hint: "write `model: organisation/name` or the path of its folder on the nodes",
        "What is served"),
      names,
      .optional(
        "tensor_parallel", \.tensorParallel, .integer(1...64), without: "1", "GPUs of a replica"),
    ]
  }

  /// Where it listens, and what stands last.
  ///
  /// - Parameters:
  ///   - host: Its key, whose default is the engine's own.
  ///   - executable: What the program is.
  static func places(host: Self, executable: String) -> [Self] {
    [
      host,
      .defaulted("port", \.port, .integer(1...65535), "Replica k of a node gets it plus k"),
      .defaulted(
        "extra_args", \.extraArguments, .flags,
        "Further arguments; a text alone is parted at its blanks, but for quotation marks"),
      .defaulted("executable", \.executable, .program, executable),
    ]
  }
}
