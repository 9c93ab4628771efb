import Fleet
package import Manifest

/// The recipes by name.
package enum Recipe: String, CaseIterable, Sendable {
  case command
  case vllm

  /// Reads the service's settings and makes its launch.
  ///
  /// - Returns: `nil` after a fault, which is recorded.
  package static func template(
    for service: ManifestService, faults: inout ManifestFaults
  ) -> LaunchTemplate? {
    guard let recipe = Self(rawValue: service.recipe) else {
      let names = Self.allCases.map(\.rawValue)
      faults.error(
        "unknown-recipe", "service `\(service.name)` names an unknown recipe `\(service.recipe)`",
        at: service.recipeLocation,
        hint: Nearest.name(to: service.recipe, in: names).map { "write `\($0)`" }
          ?? "recipes: \(names.map { "`\($0)`" }.joined(separator: ", "))")
      return nil
    }
    switch recipe {
    case .command: return CommandSettings.template(for: service, faults: &faults)
    case .vllm: return VLLMSettings.template(for: service, faults: &faults)
    }
  }
}
