package import Fleet
package import Launch

/// A service; its recipe's settings are not read yet.
package struct ManifestService: Equatable, Sendable {
  package var name = ""
  package var recipe = ""
  /// In the order of node sets.
  package var nodes: [NodeName] = []
  /// On each node, 1 to 64.
  package var replicasPerNode = 1
  package var after: [String] = []
  /// The manifest's first, then its own: of two with one name the later one holds.
  package var environment: [ManifestVariable] = []
  package var secrets: [String] = []
  /// `nil`: the recipe's own.
  package var readyTimeoutSeconds: Int?
  package var stopGraceSeconds: Int?
  /// Empty: the home folder.
  package var folder = ""
  /// Restarts within an hour after failures; 0: never.
  package var restartCountMax = 0
  /// Whether each of several replicas on a node keeps to its own part of the cores.
  package var splitsCores: Bool { self.cores == .split }
  /// Where metrics are, beside what the recipe knows; of the first replica on a node, replica k has
  /// its port plus k.
  package var metrics: MetricsPlace?
  /// A mapping with the keys that are the recipe's.
  package var settings: ManifestValue
  package var location: SourceLocation
  package var recipeLocation: SourceLocation
  var afterLocation: SourceLocation
  private var on: ManifestValue?
  private var ownSecrets: [String]?
  private var cores: Cores?

  private enum Cores: String, CaseIterable, Sendable { case split }

  private init(at location: SourceLocation) {
    self.settings = ManifestValue(.mapping([]), at: location)
    self.location = location
    self.recipeLocation = location
    self.afterLocation = location
  }
}

// MARK: Its keys

extension ManifestService {
  /// Of a service of any recipe.
  package static var keys: ManifestTable { Self.mapping.table }
  /// The key whose value says which keys stand beside these.
  package static let recipeKey = "recipe"
  package static let readyTimeoutKey = "ready_timeout"
  package static let stopGraceKey = "stop_grace"

  fileprivate static let mapping = ManifestMapping<Self>(
    Self(at: SourceLocation(file: "", line: 1, column: 1)), "a service", title: "A service",
    hasRecipe: true,
    [
      .required(
        Self.recipeKey, \.recipe, .text,
        hint: "write `recipe: command` or that of a server of models",
        "What it is; the keys of the recipe stand beside these"),
      .optional("on", \.on, .nodeSet, without: "all nodes", "The nodes that run it"),
      .defaulted("replicas", \.replicasPerNode, .integer(1...64), "On each node"),
      .defaulted(
        "after", \.after, .list(of: .text(like: .any("service"))),
        "The services that have to be ready before it starts"),
      .defaulted(
        "env", \.environment, .variables, "Its variables; they win over the manifest's"),
      .optional(
        "secrets", \.ownSecrets, .list(of: .text(like: .variable)), without: "all",
        "Which of the manifest's secrets it gets"),
      .optional(
        Self.readyTimeoutKey, \.readyTimeoutSeconds, .integer(1...86400), without: "the recipe's",
        "Seconds from the start of its process to ready"),
      .optional(
        Self.stopGraceKey, \.stopGraceSeconds, .integer(0...3600), without: "the recipe's",
        "Seconds from TERM to KILL"),
      .optional(
        "folder", \.folder, .text(like: .any("path")), without: "the home folder", "Where it runs"),
      .optional(
        "restart", \.restartCountMax, Self.restart, without: "`never`", "What follows a failure"),
      .optional(
        "cores", \.cores,
        .choice(
          code: "wrong-cores",
          hint: "write `cores: split`: each replica of a node keeps to its own part of the cores"),
        without: "all cores", "Each replica of a node keeps to its own part of the cores"),
      .optional(
        "metrics", \.metrics, Self.metrics, without: "what the recipe knows",
        "Where its page of metrics is"),
    ])

  private static let restartBudget = 3

  /// `restart: never`, `restart: on-failure`, or `restart: {budget: 5}`.
  private static let restart: ManifestType<Int> = {
    let budget = ManifestMapping<Int>(
      Self.restartBudget, "`restart`",
      [
        .defaulted(
          "budget", \.self, .integer(0...1000),
          "Restarts within an hour; what `on-failure` has too")
      ])
    let words = ManifestForm.words(["never", "on-failure"])
    return ManifestType(.either([words, .mapping(budget.table)])) { value, _, faults in
      if case .mapping = value.content { return budget.read(value, faults: &faults).root }
      switch value.text(of: "`restart`", faults: &faults) {
      case "never": return 0
      case "on-failure": return Self.restartBudget
      default:
        faults.error(
          "wrong-restart", "`restart` is \(value.spoken)", at: value.location,
          hint: "write `never`, `on-failure` or `{budget: N}`: at most N restarts within an hour")
        return nil
      }
    }
  }()

  private static let metrics = ManifestType<MetricsPlace>.mapping(
    ManifestMapping<MetricsPlace>(
      MetricsPlace(port: 0, path: "/metrics"), "`metrics`",
      [
        .required(
          "port", \.port, .integer(1...65535),
          "That of the first replica on a node; replica k has it plus k"),
        .defaulted("path", \.path, .text(like: .pagePath), "Which page it is"),
      ])
  ) { reading, faults in
    if reading.isComplete, TextRule.pagePath.accepts(reading.root.path) { return reading.root }
    faults.error(
      "wrong-metrics", "`metrics` needs a `port` and a path that begins with `/`",
      at: reading.location, hint: "write `metrics: {port: 9000, path: /metrics}`")
    return nil
  }
}

// MARK: One service

extension ManifestService {
  /// Reads one service, all but its recipe's settings.
  ///
  /// - Parameters: What the manifest has for every service.
  static func read(
    _ entry: ManifestValue.Entry, nodes: NodeResolver, environment: [ManifestVariable],
    secrets: [String], faults: inout ManifestFaults
  ) -> Self? {
    if !FolderName.isGivenName(entry.key) {
      faults.error(
        "wrong-name", "service `\(entry.key.prefix(80))` has no proper name", at: entry.keyLocation,
        hint: FolderName.hint)
    }
    let reading = Self.mapping.read(
      entry.value, onto: Self(at: entry.keyLocation), subject: "service `\(entry.key)`",
      at: entry.keyLocation, faults: &faults)
    var service = reading.root
    service.name = entry.key
    service.environment = environment + service.environment
    service.settings = ManifestValue(.mapping(reading.rest), at: entry.keyLocation)
    service.recipeLocation = reading.place(of: \.recipe) ?? entry.keyLocation
    service.afterLocation = reading.place(of: \.after) ?? entry.keyLocation
    service.nodes = nodes.nodes(on: service.on, faults: &faults)
    service.secrets = service.ownSecrets ?? secrets
    for name in service.secrets where !secrets.contains(name) {
      faults.error(
        "unknown-secret", "service `\(entry.key)` uses an undeclared secret `\(name)`",
        at: reading.place(of: \.ownSecrets) ?? entry.keyLocation,
        hint: "name it under the manifest's `secrets:` too")
    }
    return reading.isComplete ? service : nil
  }
}
