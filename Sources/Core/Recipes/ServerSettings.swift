import Fleet
import Launch
import Manifest

/// The settings of a recipe that serves a model, whatever its engine. An engine has keys for those that
/// it knows; what it has none for stays as it is here.
struct ServerSettings: Sendable {
  var model = ""
  var servedModelName: String?
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

  var name: String { self.servedModelName ?? self.model }

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
      extra.check(own: own, unaskable: self.unaskable, at: place, faults: &faults)
    }
    let words = self.start(settings, hasKey) + own
    var server = ModelServer(
      host: settings.host ?? extra.value(of: "--host") ?? "", port: settings.port,
      model: settings.name, keyVariable: self.keyVariable, healthPath: self.healthPath)
    server.keyArgument = extra.place(afterLast: "--api-key").map { words.count + $0 }
    server.parsesReasoning =
      settings.reasoningParser != nil || extra.has("--reasoning-parser")
    var launch = launch
    (launch.argv, launch.ports) = (words + extra.words, [settings.port])
    launch.progressMarks = self.progressMarks
    (launch.model, launch.devices) = (server, .gpus(self.gpuCount(settings)))
    if settings.model.hasPrefix("/") { launch.neededFolders = [settings.model] }
    var template = LaunchTemplate(
      launch, argvLocation: service.location,
      portsLocation: reading.place(of: \.port) ?? service.location,
      fingerprintInputs: [
        ("recipe", service.recipe), ("model", settings.model),
        ("tensor_parallel", "\(settings.tensorParallel ?? 1)"),
      ] + self.fingerprint(settings))
    template.addressVariables = [self.addressVariable]
    template.coresVariable = self.coresVariable
    return template
  }
}

extension ManifestKey<ServerSettings> {
  /// What every server has: its model, the model's name and its GPUs.
  static var common: [Self] {
    [
      .required(
        "model", \.model, .text(like: .any("name or path")),
        hint: "write `model: organisation/name` or the path of its folder on the nodes",
        "What is served"),
      .optional(
        "served_model_name", \.servedModelName, .text, without: "the model",
        "The name in requests"),
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
        "extra_args", \.extraArguments, .list(of: .text), "Further arguments, as they are"),
      .defaulted("executable", \.executable, .text(like: .any("program")), executable),
    ]
  }
}
