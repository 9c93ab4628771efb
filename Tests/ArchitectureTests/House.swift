/// The targets of `Package.swift` and what they may import.
struct House: Equatable {
  struct Target: Equatable {
    var name: String
    /// `Sources/Core/Fleet`, `Tests/FleetTests`.
    var path: String
    /// Targets of this package.
    var dependencies: [String]
    /// Products of other packages; each is a module of the same name.
    var products: [String] = []

    var layer: Layer? {
      let parts = self.path.split(separator: "/")
      return parts.first == "Sources" && parts.count > 1 ? Layer(folder: String(parts[1])) : nil
    }
  }

  /// In the order of the manifest.
  var targets: [Target]

  /// Reads the forms that this package's manifest has: `layer("Core", "Fleet", [...])`,
  /// `tests("FleetTests", [...])`, and `.systemLibrary(`, `.executableTarget(`, `.testTarget(` with
  /// `name:`, `dependencies:` and `path:`. Names that are not in quotation marks are constants with
  /// products of other packages: `let yams = Target.Dependency.product(name: "Yams", …`.
  init(manifest: String) {
    let products = Dictionary(
      manifest.matches(of: /let (\w+) = Target\.Dependency\.product\(\s*name: "([\w-]+)"/)
        .map { (String($0.1), String($0.2)) }, uniquingKeysWith: { first, _ in first })
    let names = { (list: Substring) in list.matches(of: /"([\w-]+)"/).map { String($0.1) } }
    let modules = { (list: Substring) in
      list.replacing(/"[^"]*"/, with: "").matches(of: /\w+/).compactMap { products[String($0.0)] }
    }
    let layers = manifest.matches(
      of: /\blayer\(\s*"(\w+)",\s*"([\w-]+)",\s*\[([^\]]*)\]/
    ).map { match in
      Target(
        name: String(match.2), path: "Sources/\(match.1)/\(match.2)",
        dependencies: names(match.3), products: modules(match.3))
    }
    let tests = manifest.matches(of: /\btests\(\s*"(\w+)",\s*\[([^\]]*)\]/).map { match in
      Target(
        name: String(match.1), path: "Tests/\(match.1)", dependencies: names(match.2),
        products: modules(match.2))
    }
    let long = manifest.matches(
      of:
        /\.(systemLibrary|executableTarget|testTarget)\(\s*name:\s*"([\w-]+)",(?:\s*dependencies:\s*\[([^\]]*)\],)?\s*path:\s*"([^"]+)"/
    ).map { match in
      Target(
        name: String(match.2), path: String(match.4), dependencies: names(match.3 ?? ""),
        products: modules(match.3 ?? ""))
    }
    self.targets = layers + long + tests
  }

  func target(_ name: String) -> Target? { self.targets.first { $0.name == name } }
}
