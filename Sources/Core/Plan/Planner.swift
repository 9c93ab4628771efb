import CompileCache
package import Fleet
import Launch
package import Manifest
import Recipes

/// What a plan needs to know about the coordinator's machine.
package struct PlanContext: Equatable, Sendable {
  /// Absolute home folder of the user who runs `muster`, for `~`.
  package var home: String
  /// The name to log in with where the manifest has none.
  package var user: String
  /// Absolute folder of the manifest, for relative paths.
  package var manifestFolder: String

  package init(home: String, user: String, manifestFolder: String) {
    self.home = home
    self.user = user
    self.manifestFolder = manifestFolder
  }

  /// `path` made absolute.
  func resolve(_ path: String) -> String {
    if path == "~" { return self.home }
    if path.hasPrefix("~/") { return self.home + path.dropFirst(1) }
    return path.hasPrefix("/") ? path : "\(self.manifestFolder)/\(path)"
  }

  /// `link` complete, with absolute paths. The usual names stand for files that are not named; one that
  /// does not exist is skipped where it is the default.
  func resolve(_ link: LinkSpecification, of node: String) -> LinkSpecification {
    switch link {
    case .local: return .local
    case .command(let argv): return .command(argv: argv.map { $0.replacing("{node}", with: node) })
    case .ssh(var ssh):
      if ssh.user.isEmpty { ssh.user = self.user }
      if ssh.identityFiles.isEmpty {
        ssh.identityFiles = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"]
      }
      if ssh.knownHostsFiles.isEmpty { ssh.knownHostsFiles = ["~/.ssh/known_hosts"] }
      ssh.identityFiles = ssh.identityFiles.map(self.resolve)
      ssh.knownHostsFiles = ssh.knownHostsFiles.map(self.resolve)
      return .ssh(ssh)
    }
  }
}

/// A manifest resolved for every node. Pure: the same manifest and context give the same plan.
package struct Planner {
  package struct Result: Equatable, Sendable {
    /// `nil` where `diagnostics` has an error.
    package var plan: Plan?
    /// Sorted by place.
    package var diagnostics: [Diagnostic]
    /// What a reader of the plan should know, one sentence each.
    package var notes: [String]
  }

  private let manifest: Manifest
  private let nodes: [NodeName: ManifestNode]
  private let context: PlanContext
  private var faults = ManifestFaults()
  private var notes: [String] = []
  /// Where each service's replicas are, by rank.
  private var placements: [String: [Placement]] = [:]
  /// Engines so far with a fingerprint on a node.
  private var engines: [String: Int] = [:]
  /// Who listens on a port of a node.
  private var listeners: [String: String] = [:]

  /// What the replicas of a service launch, by role; `nil` after a fault, which is recorded.
  typealias Templates = (ManifestService, inout ManifestFaults) -> [LaunchTemplate]?

  package static func plan(_ manifest: Manifest, context: PlanContext) -> Result {
    Self.plan(manifest, context: context, templates: Recipe.templates)
  }

  static func plan(
    _ manifest: Manifest, context: PlanContext, templates: Templates
  ) -> Result {
    var planner = Self(manifest: manifest, context: context)
    let plan = planner.plan(templates)
    return Result(
      plan: planner.faults.hasErrors ? nil : plan, diagnostics: planner.faults.sorted,
      notes: planner.notes)
  }

  private init(manifest: Manifest, context: PlanContext) {
    (self.manifest, self.context) = (manifest, context)
    self.nodes = Dictionary(manifest.nodes.map { ($0.name, $0) }) { first, _ in first }
  }

  private mutating func plan(_ templates: Templates) -> Plan {
    let launched = ServiceOrder.sorted(self.manifest.services).filter { service in
      guard let roles = templates(service, &self.faults) else { return false }
      self.placements[service.name] = self.place(service, roles)
      return true
    }
    self.assignDevices(launched)
    self.checkDevices(launched)
    let services = launched.map { service in
      Plan.Service(
        name: service.name, recipe: service.recipe, after: service.after,
        replicas: self.replicas(of: service))
    }
    var plan = Plan(
      name: self.manifest.name,
      nodes: self.manifest.nodes.map {
        Plan.Node(
          name: $0.name.rawValue, link: self.context.resolve($0.link, of: $0.name.rawValue),
          labels: $0.labels)
      },
      services: services, secrets: self.manifest.secrets,
      work: self.manifest.work?.settings,
      acceptsNetworkCaches: self.manifest.caches?.network == .accept ? true : nil)
    plan.exporters = self.manifest.exporters.isEmpty ? nil : self.manifest.exporters
    return plan
  }

  /// Roles are taken in the order of placement, each but the last by one replica.
  private func place(_ service: ManifestService, _ roles: [LaunchTemplate]) -> [Placement] {
    var placements: [Placement] = []
    /// Replicas of the service so far, by machine.
    var placed: [String: Int] = [:]
    for name in service.nodes {
      guard let node = self.nodes[name] else { continue }
      for _ in 0..<service.replicasPerNode {
        let index = placed[node.machine, default: 0]
        placed[node.machine] = index + 1
        placements.append(
          Placement(
            node: node, machine: node.machine, rank: placements.count, index: index,
            template: roles[min(placements.count, roles.count - 1)]))
      }
    }
    return placements
  }

  /// Gives replicas that share a node devices of their own, in the order of the plan: left to
  /// themselves, all take the first ones. A service that sets their variable keeps to that.
  private mutating func assignDevices(_ services: [ManifestService]) {
    var userCounts: [NodeName: Int] = [:]
    /// By machine.
    var taken: [String: Set<Int>] = [:]
    for service in services {
      for placement in self.placements[service.name] ?? [] {
        let list = self.devices(of: placement, setBy: service)?.list
        guard placement.deviceCount > 0 || list?.names.isEmpty == false else { continue }
        userCounts[placement.node.name, default: 0] += 1
        taken[placement.machine, default: []].formUnion(list?.indices ?? [])
      }
    }
    for service in services {
      var placements = self.placements[service.name] ?? []
      for (index, placement) in placements.enumerated()
      where userCounts[placement.node.name, default: 0] > 1
        && self.devices(of: placement, setBy: service) == nil
      {
        var device = 0
        while placements[index].devices.count < placement.deviceCount {
          if taken[placement.machine, default: []].insert(device).inserted {
            placements[index].devices.append(device)
          }
          device += 1
        }
      }
      self.placements[service.name] = placements
    }
  }

  /// `nil`: the manifest leaves it to us.
  private func devices(
    of placement: Placement, setBy service: ManifestService
  ) -> (variable: ManifestVariable, list: DeviceList)? {
    let names = placement.template.launch.devices?.variables ?? []
    return service.environment.last { names.contains($0.name) }.map { variable in
      let value = try? Placeholders(of: placement).expand(variable.value)
      return (variable, DeviceList(value ?? variable.value))
    }
  }

  private mutating func checkDevices(_ services: [ManifestService]) {
    var check = DeviceCheck(assigned: self.placements.values.flatMap(\.self))
    for service in services {
      for placement in self.placements[service.name] ?? [] {
        guard let (variable, list) = self.devices(of: placement, setBy: service) else { continue }
        check.look(at: placement, of: service, variable, list)
      }
    }
    for warning in check.warnings { self.faults.add(warning) }
  }

  private mutating func warnOfSecrets(in service: ManifestService) {
    for variable in service.environment
    where SecretShapes.isSecret(variable: variable.name, value: variable.value)
      && !variable.value.contains("{")
    {
      self.faults.add(
        Diagnostic(
          .warning, code: "written-secret",
          "the value of `\(variable.name)` is written down, here and on the nodes",
          at: variable.location,
          hints: ["write `secrets: [\(variable.name)]`, and set it where you run `muster`"]))
    }
  }

  private mutating func replicas(of service: ManifestService) -> [Plan.Replica] {
    self.noteOverrides(in: service)
    self.warnOfSecrets(in: service)
    let placements = self.placements[service.name] ?? []
    let peers = self.peers(of: placements)
    return placements.map { placement in
      var launch = self.launch(service, at: placement, peers: peers)
      if service.splitsCores {
        let neighbours = placements.count { $0.machine == placement.machine }
        launch.cores = CoreShare(
          index: placement.index, count: neighbours, variable: placement.template.coresVariable)
      }
      self.check(launch, ReplicaKey(service: service.name, index: placement.rank), of: service)
      return Plan.Replica(
        index: placement.rank, node: placement.node.name.rawValue, launch: launch)
    }
  }

  /// What its agent would refuse is told here, unless there is an error already.
  private mutating func check(
    _ launch: LaunchSpecification, _ key: ReplicaKey, of service: ManifestService
  ) {
    guard !self.faults.hasErrors else { return }
    do {
      try ReplicaSpecification(key: key, launch: launch).check()
    } catch {
      self.faults.error(
        "wrong-launch", "service `\(service.name)` cannot be started: \(error.reason)",
        at: service.location, causes: ["its node's agent would refuse replica `\(key)`"])
    }
  }

  /// What a replica may say of others: the first of its service and of each role within it, and where
  /// services answer.
  private func peers(of placements: [Placement]) -> [(name: String, value: String)] {
    var values: [(name: String, value: String)] = []
    for placement in placements {
      let role = placement.rank == 0 ? "head" : placement.template.launch.role
      guard let role, !values.contains(where: { $0.name == "\(role).node" }) else { continue }
      values.append(("\(role).node", placement.node.name.rawValue))
      values.append(("\(role).address", placement.node.address))
      if let port = placement.ports.first { values.append(("\(role).port", "\(port)")) }
    }
    for (name, placements) in self.placements.sorted(by: { $0.key < $1.key }) {
      let endpoints = placements.compactMap(\.endpoint)
      if !endpoints.isEmpty {
        values.append(("endpoints.\(name)", endpoints.joined(separator: ",")))
      }
    }
    return values
  }

  private mutating func launch(
    _ service: ManifestService, at placement: Placement, peers: [(name: String, value: String)]
  ) -> LaunchSpecification {
    let (template, node) = (placement.template, placement.node)
    self.claim(placement.ports, for: service, template, on: node)
    let placeholders = Placeholders(of: placement, peers: peers)
    let place = template.argvLocation
    var launch = template.launch
    launch.argv = launch.argv.map { self.expand($0, placeholders, at: place) }
    launch.environment = self.environment(
      service, at: placement, placeholders, folders: &launch.folders)
    launch.secrets = service.secrets
    launch.folder = self.expand(service.folder, placeholders, at: service.location)
    launch.ports = placement.ports
    launch.probe = self.probe(at: placement, placeholders)
    if var model = launch.model {
      model.port = placement.shifted(model.port)
      model.host = self.expand(model.host, placeholders, at: place)
      model.model = self.expand(model.model, placeholders, at: place)
      launch.model = model
    }
    if launch.devices?.count == 0, placement.devices.isEmpty,
      launch.deviceList?.names.isEmpty != false
    {
      launch.devices = nil
    }
    launch.restartCountMax = service.restartCountMax > 0 ? service.restartCountMax : nil
    if let metrics = service.metrics {
      launch.metrics = MetricsPlace(port: metrics.port + placement.index, path: metrics.path)
    }
    return launch
  }

  /// Caches first, then the recipe's, the service's: a later one replaces an earlier one in its place.
  private mutating func environment(
    _ service: ManifestService, at placement: Placement, _ placeholders: Placeholders,
    folders: inout [String]
  ) -> [EnvironmentVariable] {
    let (node, template) = (placement.node, placement.template)
    let own = service.environment
    var result: [EnvironmentVariable] = []
    if let caches = self.manifest.caches {
      let fingerprint = CacheEnvironment.fingerprint(of: template.fingerprintInputs)
      let engine = self.engines["\(node.name) \(fingerprint)", default: 0]
      self.engines["\(node.name) \(fingerprint)"] = engine + 1
      let variables = CacheEnvironment(
        root: caches.root, fingerprint: fingerprint, engine: engine, own: Recipe.caches
      ).variables
      for variable in variables {
        result.append(EnvironmentVariable(variable.name, variable.value))
        if variable.isFolder, !own.contains(where: { $0.name == variable.name }) {
          folders.append(variable.value)
        }
      }
    }
    if let name = template.launch.devices?.variables.first, !placement.devices.isEmpty {
      let devices = placement.devices.map(String.init).joined(separator: ",")
      result.append(EnvironmentVariable(name, devices))
    }
    if let address = node.numericAddress {
      result += template.addressVariables.map { EnvironmentVariable($0, address) }
    }
    result += template.launch.environment
    for variable in own {
      let value = EnvironmentVariable(
        variable.name, self.expand(variable.value, placeholders, at: variable.location))
      if let known = result.firstIndex(where: { $0.name == variable.name }) {
        result[known] = value
      } else {
        result.append(value)
      }
    }
    return result
  }

  private mutating func probe(
    at placement: Placement, _ placeholders: Placeholders
  ) -> ReadinessProbe? {
    let place = placement.template.argvLocation
    switch placement.template.launch.probe {
    case .http(let port, let path)?: return .http(port: placement.shifted(port), path: path)
    case .tcp(let port)?: return .tcp(port: placement.shifted(port))
    case .log(let text)?: return .log(contains: self.expand(text, placeholders, at: place))
    case .exec(let argv)?:
      return .exec(argv: argv.map { self.expand($0, placeholders, at: place) })
    case nil: return nil
    }
  }

  private mutating func claim(
    _ ports: [Int], for service: ManifestService, _ template: LaunchTemplate,
    on node: ManifestNode
  ) {
    let machine = node.machine
    for port in ports {
      guard port <= 65535 else {
        self.faults.error(
          "out-of-range", "service `\(service.name)` needs port `\(port)` on \(node.name)",
          at: template.portsLocation, hint: "ports end at 65535; begin lower")
        continue
      }
      if let other = self.listeners.updateValue(service.name, forKey: "\(machine) \(port)") {
        self.faults.error(
          "port-conflict", "services `\(other)` and `\(service.name)` share port `\(port)`",
          at: template.portsLocation, causes: ["first on node \(node.name)"],
          hint: "give `\(service.name)` another `port`; replica k of a node gets port + k")
        return
      }
    }
  }

  private mutating func expand(
    _ text: String, _ placeholders: Placeholders, at place: SourceLocation
  ) -> String {
    do {
      return try placeholders.expand(text)
    } catch {
      self.faults.error(
        "unknown-placeholder", "`{\(error.name)}` stands for nothing here", at: place,
        hint: "known: \(error.known.map { "`{\($0)}`" }.joined(separator: ", ")); "
          + "`{{\(error.name)}}` is the literal text")
      return text
    }
  }

  private mutating func noteOverrides(in service: ManifestService) {
    guard let caches = self.manifest.caches else { return }
    let names = CacheEnvironment(
      root: caches.root, fingerprint: "-", engine: 0, own: Recipe.caches
    ).variables.map(\.name)
    let own = service.environment.map(\.name)
    for name in names where own.contains(name) {
      self.notes.append(
        "service `\(service.name)`: `\(name)` is the manifest's, not under `caches.root`")
    }
    if caches.network == .accept, self.notes.allSatisfy({ !$0.hasPrefix("`caches.network`") }) {
      self.notes.append(
        "`caches.network` is `accept`: compile caches may lie on a network mount, whose locks "
          + "nothing relies on")
    }
  }
}
