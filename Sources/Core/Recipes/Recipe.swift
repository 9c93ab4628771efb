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

  package init(
    _ launch: LaunchSpecification, argvLocation: SourceLocation, portsLocation: SourceLocation,
    fingerprintInputs: [(name: String, value: String)] = []
  ) {
    self.launch = launch
    self.argvLocation = argvLocation
    self.portsLocation = portsLocation
    self.fingerprintInputs = fingerprintInputs
  }
}

extension DeviceNeed {
  /// As CUDA and ROCm name what a process sees.
  static func gpus(_ count: Int) -> Self {
    Self(
      count: count,
      variables: ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"])
  }
}
