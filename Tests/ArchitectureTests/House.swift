/// The targets of `Package.swift` and what they may import.
struct House: Equatable {
  struct Target: Equatable {
    var name: String
    /// `Sources/Core/Fleet`, `Tests/FleetTests`.
    var path: String
    /// Targets of this package only.
    var dependencies: [String]

    var layer: Layer? {
      let parts = self.path.split(separator: "/")
      return parts.first == "Sources" && parts.count > 1 ? Layer(folder: String(parts[1])) : nil
    }
  }

  /// In the order of the manifest.
  var targets: [Target]

  /// Reads the forms that this package's manifest has: `layer("Core", "Fleet", [...])`,
  /// `tests("FleetTests", [...])`, and `.systemLibrary(`, `.executableTarget(`, `.testTarget(` with
  /// `name:`, `dependencies:` and `path:`. Names that are not in quotation marks are third parties.
  init(manifest: String) {
    let layers = manifest.matches(
      of: /\blayer\(\s*"(\w+)",\s*"([\w-]+)",\s*\[([^\]]*)\]/
    ).map { match in
      Target(
        name: String(match.2), path: "Sources/\(match.1)/\(match.2)",
        dependencies: Self.names(match.3))
    }
    let tests = manifest.matches(of: /\btests\(\s*"(\w+)",\s*\[([^\]]*)\]/).map { match in
      Target(name: String(match.1), path: "Tests/\(match.1)", dependencies: Self.names(match.2))
    }
    let long = manifest.matches(
      of:
        /\.(systemLibrary|executableTarget|testTarget)\(\s*name:\s*"([\w-]+)",(?:\s*dependencies:\s*\[([^\]]*)\],)?\s*path:\s*"([^"]+)"/
    ).map { match in
      Target(
        name: String(match.2), path: String(match.4), dependencies: Self.names(match.3 ?? ""))
    }
    self.targets = layers + long + tests
  }

  func target(_ name: String) -> Target? { self.targets.first { $0.name == name } }

  private static func names(_ list: Substring) -> [String] {
    list.matches(of: /"([\w-]+)"/).map { String($0.1) }
  }
}
