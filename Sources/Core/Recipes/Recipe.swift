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
    return recipe.form.template(service, &faults)
  }

  /// What it is and which settings it has.
  package var form: RecipeForm {
    switch self {
    case .command: CommandSettings.form
    case .vllm: VLLMSettings.form
    }
  }
}

/// What a recipe is and which settings it has.
package struct RecipeForm: Sendable {
  /// In a few words, for the tables.
  package let meaning: String
  /// From the start of a process to ready, where the service says nothing.
  package let readyTimeoutSeconds: Int
  /// From TERM to KILL, where the service says nothing.
  package let stopGraceSeconds: Int
  /// Its keys in a service, beside those of every service.
  package let table: ManifestTable
  /// Reads the settings of a service and makes its launch; `nil` after a fault, which is recorded.
  let template: @Sendable (ManifestService, inout ManifestFaults) -> LaunchTemplate?

  /// Reads the settings of a service.
  func reader(of service: ManifestService, faults: inout ManifestFaults) -> MappingReader {
    MappingReader(
      service.settings, self.table, subject: "service `\(service.name)`", at: service.location,
      faults: &faults)
  }
}
