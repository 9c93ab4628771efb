import Fleet

/// The keys of a service of any recipe.
package enum ServiceKeys {
  enum Cores: String, CaseIterable, Sendable { case split }

  enum Restart: String, CaseIterable, Sendable {
    case never
    case onFailure = "on-failure"
  }

  package static let recipe = ManifestKey(
    required: "recipe", .text, hint: "write `recipe: command` or that of a server of models",
    "What it is; the keys of the recipe stand beside these")
  static let on = ManifestKey("on", .nodeSet, without: "all nodes", "The nodes that run it")
  static let replicas = ManifestKey("replicas", .integer(1...64), default: 1, "On each node")
  static let after = ManifestKey(
    "after", .list(of: .text(like: .any("service"))), default: [],
    "The services that have to be ready before it starts")
  static let environment = ManifestKey(
    "env", .names(.variable, to: .text(.any())), default: [],
    "Its variables; they win over the manifest's")
  static let secrets = ManifestKey(
    "secrets", .list(of: .text(like: .variable)), without: "all",
    "Which of the manifest's secrets it gets")
  package static let readyTimeout = ManifestKey(
    "ready_timeout", .integer(1...86400), without: "the recipe's",
    "Seconds from the start of its process to ready")
  package static let stopGrace = ManifestKey(
    "stop_grace", .integer(0...3600), without: "the recipe's", "Seconds from TERM to KILL")
  static let folder = ManifestKey(
    "folder", .text(like: .any("path")), without: "the home folder", "Where it runs")
  static let restart = ManifestKey(
    "restart",
    .value(.either([.words(Restart.allCases.map(\.rawValue)), .mapping(restartTable)])),
    without: "`never`", "What follows a failure")
  static let budget = ManifestKey(
    "budget", .integer(0...1000), default: 3, "Restarts within an hour; what `on-failure` has too")
  static let restartTable = ManifestTable("`restart`", budget)
  static let cores = ManifestKey(
    "cores",
    .choice(
      Cores.self, code: "wrong-cores",
      hint: "write `cores: split`: each replica of a node keeps to its own part of the cores"),
    without: "all cores", "Each replica of a node keeps to its own part of the cores")
  static let metrics = ManifestKey(
    "metrics", .value(.mapping(metricsTable)), without: "what the recipe knows",
    "Where its page of metrics is")
  static let metricsPort = ManifestKey(
    required: "port", .integer(1...65535),
    "That of the first replica on a node; replica k has it plus k")
  static let metricsPath = ManifestKey(
    "path", .text(like: .pagePath), default: "/metrics", "Which page it is")
  static let metricsTable = ManifestTable("`metrics`", metricsPort, metricsPath)
  package static let table = ManifestTable(
    "a service", title: "A service", rest: .recipe, recipe, on, replicas, after, environment,
    secrets, readyTimeout, stopGrace, folder, restart, cores, metrics)
}

/// Reads one service, all but its recipe's settings.
enum ServiceReader {
  static func read(
    _ entry: ManifestValue.Entry, nodes: NodeResolver, secrets: [String],
    faults: inout ManifestFaults
  ) -> ManifestService? {
    if !FolderName.isGivenName(entry.key) {
      faults.error(
        "wrong-name", "service `\(entry.key.prefix(80))` has no proper name", at: entry.keyLocation,
        hint: FolderName.hint)
    }
    var reader = MappingReader(
      entry.value, ServiceKeys.table, subject: "service `\(entry.key)`", at: entry.keyLocation,
      faults: &faults)
    let recipePlace = reader.value(ServiceKeys.recipe)?.location
    let recipe = reader.read(ServiceKeys.recipe, faults: &faults)
    let on = reader.value(ServiceKeys.on)
    let names = on.map { nodes.resolve($0, of: "`on`", faults: &faults) ?? [] } ?? nodes.nodes
    if let on, names.isEmpty, !faults.found.contains(where: { $0.location == on.location }) {
      faults.error("no-nodes", "`on` is empty: \(on.spoken)", at: on.location)
    }
    let own = reader.read(ServiceKeys.secrets, faults: &faults)
    for name in own ?? [] where !secrets.contains(name) {
      faults.error(
        "unknown-secret", "service `\(entry.key)` uses an undeclared secret `\(name)`",
        at: reader.value(ServiceKeys.secrets)?.location ?? entry.keyLocation,
        hint: "name it under the manifest's `secrets:` too")
    }
    let environment = reader.read(ServiceKeys.environment, faults: &faults)
    let service = ManifestService(
      name: entry.key, recipe: recipe ?? "", recipeLocation: recipePlace ?? entry.keyLocation,
      nodes: names, replicasPerNode: reader.read(ServiceKeys.replicas, faults: &faults),
      after: reader.read(ServiceKeys.after, faults: &faults),
      environment: Self.variables(environment, faults: &faults), secrets: own ?? secrets,
      readyTimeoutSeconds: reader.read(ServiceKeys.readyTimeout, faults: &faults),
      stopGraceSeconds: reader.read(ServiceKeys.stopGrace, faults: &faults),
      folder: reader.read(ServiceKeys.folder, faults: &faults) ?? "",
      restartCountMax: Self.restart(&reader, faults: &faults),
      splitsCores: reader.read(ServiceKeys.cores, faults: &faults) == .split,
      metrics: Self.metrics(&reader, faults: &faults), settings: reader.rest,
      location: entry.keyLocation)
    return recipe == nil ? nil : service
  }

  /// `restart: never`, `restart: on-failure`, or `restart: {budget: 5}`.
  private static func restart(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> Int {
    guard let value = reader.value(ServiceKeys.restart) else { return 0 }
    if case .mapping = value.content {
      var inner = MappingReader(value, ServiceKeys.restartTable, faults: &faults)
      let budget = inner.read(ServiceKeys.budget, faults: &faults)
      inner.finish(faults: &faults)
      return budget
    }
    let word = MappingReader.text(value, of: "`restart`", faults: &faults)
    switch word.flatMap(ServiceKeys.Restart.init) {
    case .never: return 0
    case .onFailure: return ServiceKeys.budget.absent
    case nil:
      faults.error(
        "wrong-restart", "`restart` is \(value.spoken)", at: value.location,
        hint: "write `never`, `on-failure` or `{budget: N}`: at most N restarts within an hour")
      return 0
    }
  }

  private static func metrics(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> ManifestMetrics? {
    guard let value = reader.value(ServiceKeys.metrics) else { return nil }
    var inner = MappingReader(value, ServiceKeys.metricsTable, faults: &faults)
    let port = inner.read(ServiceKeys.metricsPort, faults: &faults)
    let path = inner.read(ServiceKeys.metricsPath, faults: &faults)
    inner.finish(faults: &faults)
    guard let port, TextRule.pagePath.accepts(path) else {
      faults.error(
        "wrong-metrics", "`metrics` needs a `port` and a path that begins with `/`",
        at: value.location, hint: "write `metrics: {port: 9000, path: /metrics}`")
      return nil
    }
    return ManifestMetrics(port: port, path: path)
  }

  /// The variables of an `env:`.
  static func variables(
    _ entries: [ManifestValue.Entry], faults: inout ManifestFaults
  ) -> [ManifestVariable] {
    entries.compactMap { entry in
      guard TextRule.variable.accepts(entry.key) else {
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
}
