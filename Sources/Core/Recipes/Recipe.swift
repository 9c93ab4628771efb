package import CompileCache
import Fleet
import Launch
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
        hint: Nearest.name(to: service.recipe, in: names).map { "write `\($0)`" }
          ?? "recipes: \(names.map { "`\($0)`" }.joined(separator: ", "))")
      return nil
    }
    return recipe.form.templates(service, &faults)
  }

  /// What it is and which settings it has.
  package var form: RecipeForm {
    switch self {
    case .command: CommandSettings.form
    case .vllm: VLLMSettings.form
    case .sglang: SGLangSettings.form
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
  var packages: [String] = []
  /// What its engine compiles just in time for itself.
  var caches: [CacheFolder] = []
  /// Its keys in a service, beside those of every service.
  package let table: ManifestTable
  /// As ``Recipe/templates(for:faults:)``.
  let templates: @Sendable (ManifestService, inout ManifestFaults) -> [LaunchTemplate]?

  /// What of the launch of a service is not the recipe's alone.
  func launch(of service: ManifestService, argv: [String], ports: [Int]) -> LaunchSpecification {
    LaunchSpecification(
      argv: argv, readyTimeoutSeconds: service.readyTimeoutSeconds ?? self.readyTimeoutSeconds,
      stopGraceSeconds: service.stopGraceSeconds ?? self.stopGraceSeconds, ports: ports)
  }

  /// Reads the settings of a service.
  func reader(of service: ManifestService, faults: inout ManifestFaults) -> MappingReader {
    MappingReader(
      service.settings, self.table, subject: "service `\(service.name)`", at: service.location,
      faults: &faults)
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
