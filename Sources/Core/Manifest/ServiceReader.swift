import Fleet

/// Reads one service, all but its recipe's settings.
enum ServiceReader {
  static func read(
    _ entry: ManifestValue.Entry, nodes: NodeResolver, secrets: [String],
    faults: inout ManifestFaults
  ) -> ManifestService? {
    if !ManifestReader.isName(entry.key) {
      faults.error(
        "wrong-name", "service `\(entry.key.prefix(80))` has no proper name", at: entry.keyLocation,
        hint: "write letters, digits, `-`, `_` and `.`, at most 64")
    }
    var reader = MappingReader(
      entry.value, subject: "service `\(entry.key)`", faults: &faults)
    let recipe = reader.value("recipe")
    if recipe == nil {
      faults.error(
        "no-recipe", "service `\(entry.key)` names no `recipe`", at: entry.keyLocation,
        hint: "write `recipe: command` or `recipe: vllm`")
    }
    let on = reader.value("on")
    let names = on.map { nodes.resolve($0, of: "`on`", faults: &faults) ?? [] } ?? nodes.nodes
    if let on, names.isEmpty, !faults.found.contains(where: { $0.location == on.location }) {
      faults.error("no-nodes", "`on` is empty: \(on.spoken)", at: on.location)
    }
    let replicas = reader.integer("replicas", in: 1...64, faults: &faults) ?? 1
    let after = reader.texts("after", faults: &faults) ?? []
    let environment = Self.environment(&reader, faults: &faults)
    let secretsPlace = reader.value("secrets")?.location
    let own = reader.texts("secrets", faults: &faults)
    for name in own ?? [] where !secrets.contains(name) {
      faults.error(
        "unknown-secret", "service `\(entry.key)` uses an undeclared secret `\(name)`",
        at: secretsPlace ?? entry.keyLocation, hint: "name it under the manifest's `secrets:` too")
    }
    let ready = reader.integer("ready_timeout", in: 1...86400, faults: &faults)
    let grace = reader.integer("stop_grace", in: 0...3600, faults: &faults)
    let folder = reader.text("folder", faults: &faults) ?? ""
    let restartCountMax = Self.restart(&reader, faults: &faults)
    let splitsCores = reader.value("cores").map { value in
      guard MappingReader.text(value, of: "`cores`", faults: &faults) != "split" else {
        return true
      }
      faults.error(
        "wrong-cores", "`cores` is \(value.spoken)", at: value.location,
        hint: "write `cores: split`: each replica of a node keeps to its own part of the cores")
      return false
    }
    let metrics = Self.metrics(&reader, faults: &faults)
    guard let recipe, let name = MappingReader.text(recipe, of: "`recipe`", faults: &faults) else {
      return nil
    }
    return ManifestService(
      name: entry.key, recipe: name, recipeLocation: recipe.location, nodes: names,
      replicasPerNode: replicas, after: after, environment: environment,
      secrets: own ?? secrets, readyTimeoutSeconds: ready, stopGraceSeconds: grace,
      folder: folder, restartCountMax: restartCountMax, splitsCores: splitsCores ?? false,
      metrics: metrics, settings: reader.rest, location: entry.keyLocation)
  }

  /// `restart: never`, `restart: on-failure`, or `restart: {budget: 5}`.
  private static func restart(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> Int {
    guard let value = reader.value("restart") else { return 0 }
    if case .mapping = value.content {
      var inner = MappingReader(value, subject: "`restart`", faults: &faults)
      let budget = inner.integer("budget", in: 0...1000, faults: &faults)
      inner.finish(faults: &faults)
      return budget ?? Self.restartBudget
    }
    switch MappingReader.text(value, of: "`restart`", faults: &faults) {
    case "never": return 0
    case "on-failure": return Self.restartBudget
    default:
      faults.error(
        "wrong-restart", "`restart` is \(value.spoken)", at: value.location,
        hint: "write `never`, `on-failure` or `{budget: N}`: at most N restarts within an hour")
      return 0
    }
  }

  /// Restarts within an hour, unless the manifest says how many.
  private static let restartBudget = 3

  private static func metrics(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> ManifestMetrics? {
    guard let value = reader.value("metrics") else { return nil }
    var inner = MappingReader(value, subject: "`metrics`", faults: &faults)
    let port = inner.integer("port", in: 1...65535, faults: &faults)
    let path = inner.text("path", faults: &faults) ?? "/metrics"
    inner.finish(faults: &faults)
    guard let port, path.hasPrefix("/"), path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      faults.error(
        "wrong-metrics", "`metrics` needs a `port` and a path that begins with `/`",
        at: value.location, hint: "write `metrics: {port: 9000, path: /metrics}`")
      return nil
    }
    return ManifestMetrics(port: port, path: path)
  }

  /// The `env:` of a mapping.
  static func environment(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> [ManifestVariable] {
    reader.entries("env", faults: &faults).compactMap { entry in
      guard Self.isVariable(entry.key) else {
        faults.error(
          "wrong-name", "`\(entry.key.prefix(80))` is no variable's name", at: entry.keyLocation,
          hint: "write letters, digits and `_`, not first a digit")
        return nil
      }
      if case .scalar("", isPlain: false) = entry.value.content {
        return ManifestVariable(name: entry.key, value: "", location: entry.value.location)
      }
      return MappingReader.text(entry.value, of: "variable `\(entry.key)`", faults: &faults).map {
        ManifestVariable(name: entry.key, value: $0, location: entry.value.location)
      }
    }
  }

  /// The names of `secrets:`, each once.
  static func secrets(_ reader: inout MappingReader, faults: inout ManifestFaults) -> [String] {
    guard let value = reader.value("secrets") else { return [] }
    let names = reader.texts("secrets", faults: &faults) ?? []
    for name in names where !Self.isVariable(name) {
      faults.error(
        "wrong-name", "secret `\(name.prefix(80))` is no variable's name", at: value.location,
        hint: "write the name of a variable of your environment, never its value")
    }
    return names.enumerated().filter { !names[..<$0.offset].contains($0.element) }.map(\.element)
  }

  private static func isVariable(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(48...57).contains(first), text.utf8.count <= 256 else {
      return false
    }
    return text.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
    }
  }
}
