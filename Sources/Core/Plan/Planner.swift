package import Fleet
package import Manifest
import CompileCache
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
  private let context: PlanContext
  private var faults = ManifestFaults()
  private var notes: [String] = []
  /// Where each service's replicas are, by rank.
  private var placements: [String: [Placement]] = [:]
  /// Engines so far with a fingerprint on a node.
  private var engines: [String: Int] = [:]
  /// Who listens on a port of a node.
  private var listeners: [String: String] = [:]

  package static func plan(_ manifest: Manifest, context: PlanContext) -> Result {
    var planner = Self(manifest: manifest, context: context)
    let plan = planner.plan()
    return Result(
      plan: planner.faults.hasErrors ? nil : plan, diagnostics: planner.faults.sorted,
      notes: planner.notes)
  }

  private init(manifest: Manifest, context: PlanContext) {
    self.manifest = manifest
    self.context = context
  }

  private mutating func plan() -> Plan {
    let templates = ServiceOrder.sorted(self.manifest.services).compactMap { service in
      Recipe.template(for: service, faults: &self.faults).map { (service, $0) }
    }
    for (service, template) in templates {
      self.placements[service.name] = self.place(service, template)
    }
    self.assignGPUs(templates)
    let services = templates.map { service, template in
      Plan.Service(
        name: service.name, recipe: service.recipe, after: service.after,
        replicas: self.replicas(of: service, template))
    }
    var plan = Plan(
      name: self.manifest.name,
      nodes: self.manifest.nodes.map {
        Plan.Node(name: $0.name.rawValue, link: self.link(of: $0), labels: $0.labels)
      },
      services: services, secrets: self.manifest.secrets,
      work: self.manifest.work?.settings,
      acceptsNetworkCaches: self.manifest.caches?.network == .accept ? true : nil)
    if !self.manifest.exporters.isEmpty {
      plan.exporters = self.manifest.exporters.map { exporter in
        Plan.Exporter(
          name: exporter.name, port: exporter.port, path: exporter.path,
          nodes: exporter.nodes.map(\.rawValue))
      }
    }
    return plan
  }

  private func place(_ service: ManifestService, _ template: LaunchTemplate) -> [Placement] {
    var placements: [Placement] = []
    /// Replicas of the service so far, by machine.
    var placed: [String: Int] = [:]
    for name in service.nodes {
      guard let node = self.manifest.nodes.first(where: { $0.name == name }) else { continue }
      let machine = Self.machine(of: node)
      for _ in 0..<service.replicasPerNode {
        let index = placed[machine, default: 0]
        placed[machine] = index + 1
        placements.append(
          Placement(
            node: node, machine: machine, rank: placements.count, index: index,
            ports: template.ports.map { $0 + index }, servesModel: template.servesModel))
      }
    }
    return placements
  }

  private static let devicesVariable = "CUDA_VISIBLE_DEVICES"

  /// Gives replicas that share a node GPUs of their own, in the order of the plan: left to themselves,
  /// all take the first ones. A service that sets `CUDA_VISIBLE_DEVICES` keeps to that.
  private mutating func assignGPUs(_ templates: [(ManifestService, LaunchTemplate)]) {
    var userCounts: [NodeName: Int] = [:]
    /// By machine.
    var taken: [String: Set<Int>] = [:]
    for (service, template) in templates where template.gpuCount > 0 {
      let own = self.devices(setBy: service) ?? []
      for placement in self.placements[service.name] ?? [] {
        userCounts[placement.node.name, default: 0] += 1
        taken[placement.machine, default: []].formUnion(own)
      }
    }
    for (service, template) in templates where self.devices(setBy: service) == nil {
      var placements = self.placements[service.name] ?? []
      for index in placements.indices where userCounts[placements[index].node.name, default: 0] > 1
      {
        var device = 0
        while placements[index].devices.count < template.gpuCount {
          if taken[placements[index].machine, default: []].insert(device).inserted {
            placements[index].devices.append(device)
          }
          device += 1
        }
      }
      self.placements[service.name] = placements
    }
  }

  /// `nil`: the manifest leaves it to us.
  private func devices(setBy service: ManifestService) -> [Int]? {
    (self.manifest.environment + service.environment).last { $0.name == Self.devicesVariable }
      .map { $0.value.split(separator: ",").compactMap { Int($0) } }
  }

  private mutating func replicas(
    of service: ManifestService, _ template: LaunchTemplate
  ) -> [Plan.Replica] {
    self.noteOverrides(in: service, template)
    let placements = self.placements[service.name] ?? []
    let peers = self.peers(of: placements)
    var launches: [Plan.Replica] = []
    for placement in placements {
      var launch = self.launch(service, template, at: placement, peers: peers)
      if service.splitsCores {
        let neighbours = placements.count { $0.machine == placement.machine }
        launch.cores = .init(index: placement.index, count: neighbours)
      }
      launches.append(
        Plan.Replica(
          index: placement.rank, node: placement.node.name.rawValue, launch: launch))
    }
    return launches
  }

  /// What a replica may say of others: the first of its service, and where services answer.
  private func peers(of placements: [Placement]) -> [(name: String, value: String)] {
    var values: [(name: String, value: String)] = []
    if let head = placements.first {
      values.append(("head.node", head.node.name.rawValue))
      values.append(("head.address", Self.address(of: head.node)))
      if let port = head.ports.first { values.append(("head.port", "\(port)")) }
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
    _ service: ManifestService, _ template: LaunchTemplate, at placement: Placement,
    peers: [(name: String, value: String)]
  ) -> LaunchSpecification {
    let (node, index, ports) = (placement.node, placement.index, placement.ports)
    self.claim(ports, for: service, template, on: node)
    let placeholders = Placeholders(
      node: node.name.rawValue, address: Self.address(of: node), rank: placement.rank,
      index: index, port: ports.first, peers: peers)
    let place = template.argvLocation
    let argv = template.argv.map { self.expand($0, placeholders, at: place) }
    var folders: [String] = []
    let environment = self.environment(
      service, template, at: placement, placeholders, folders: &folders)
    var launch = LaunchSpecification(
      argv: argv, environment: environment, secrets: service.secrets,
      folder: self.expand(service.folder, placeholders, at: service.location),
      probe: self.probe(template, index: index, placeholders),
      readyTimeoutSeconds: template.readyTimeoutSeconds, progressMarks: template.progressMarks,
      isTask: template.isTask, stopGraceSeconds: template.stopGraceSeconds, ports: ports,
      folders: folders, gpuCount: template.gpuCount > 0 ? template.gpuCount : nil)
    if service.restartCountMax > 0 { launch.restartCountMax = service.restartCountMax }
    if let metrics = service.metrics {
      launch.metrics = .init(port: metrics.port + index, path: metrics.path)
    }
    return launch
  }

  /// Caches first, then the recipe's, the manifest's, the service's: a later one replaces an
  /// earlier one in its place.
  private mutating func environment(
    _ service: ManifestService, _ template: LaunchTemplate, at placement: Placement,
    _ placeholders: Placeholders, folders: inout [String]
  ) -> [EnvironmentVariable] {
    let node = placement.node
    let own = self.manifest.environment + service.environment
    var result: [EnvironmentVariable] = []
    if let caches = self.manifest.caches {
      let fingerprint = CacheEnvironment.fingerprint(of: template.fingerprintInputs)
      let engine = self.engines["\(node.name) \(fingerprint)", default: 0]
      self.engines["\(node.name) \(fingerprint)"] = engine + 1
      let variables = CacheEnvironment(
        root: caches.root, fingerprint: fingerprint, engine: engine
      ).variables
      for variable in variables {
        result.append(EnvironmentVariable(variable.name, variable.value))
        if variable.isFolder, !own.contains(where: { $0.name == variable.name }) {
          folders.append(variable.value)
        }
      }
    }
    if !placement.devices.isEmpty {
      let devices = placement.devices.map(String.init).joined(separator: ",")
      result.append(EnvironmentVariable(Self.devicesVariable, devices))
    }
    if template.servesModel, let address = Self.numericAddress(of: node) {
      result.append(EnvironmentVariable("VLLM_HOST_IP", address))
    }
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
    _ template: LaunchTemplate, index: Int, _ placeholders: Placeholders
  ) -> ReadinessProbe? {
    let place = template.argvLocation
    func shifted(_ port: Int) -> Int { template.ports.contains(port) ? port + index : port }
    switch template.probe {
    case .http(let port, let path)?: return .http(port: shifted(port), path: path)
    case .tcp(let port)?: return .tcp(port: shifted(port))
    case .log(let text)?: return .log(contains: self.expand(text, placeholders, at: place))
    case .exec(let argv)?:
      return .exec(argv: argv.map { self.expand($0, placeholders, at: place) })
    case .canary(let port, let model)?:
      return .canary(
        port: shifted(port), model: self.expand(model, placeholders, at: place))
    case nil: return nil
    }
  }

  private mutating func claim(
    _ ports: [Int], for service: ManifestService, _ template: LaunchTemplate,
    on node: ManifestNode
  ) {
    let machine = Self.machine(of: node)
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

  private mutating func noteOverrides(in service: ManifestService, _ template: LaunchTemplate) {
    guard let caches = self.manifest.caches else { return }
    let names = CacheEnvironment(root: caches.root, fingerprint: "-", engine: 0).variables
      .map(\.name)
    let own = (self.manifest.environment + service.environment).map(\.name)
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

  /// Nodes on one machine share its ports and GPUs: local ones, and those on loopback.
  private static func machine(of node: ManifestNode) -> String {
    let address = Self.address(of: node)
    let isHere = address.hasPrefix("127.") || address == "localhost" || address == "::1"
    return isHere ? "local" : node.name.rawValue
  }

  /// vLLM takes it as the address of its own sockets, and else asks a resolver and a route to the world
  /// for it; a name would not do.
  private static func numericAddress(of node: ManifestNode) -> String? {
    let address = Self.address(of: node)
    let isIPv4 =
      address.split(separator: ".", omittingEmptySubsequences: false).count == 4
      && address.allSatisfy { $0.isNumber || $0 == "." }
    return isIPv4 || address.contains(":") ? address : nil
  }

  /// The address other nodes and `{address}` use.
  static func address(of node: ManifestNode) -> String {
    switch node.link {
    case .local: "127.0.0.1"
    case .ssh(let settings): settings.host
    case .command: node.name.rawValue
    }
  }

  private func link(of node: ManifestNode) -> LinkSpecification {
    switch node.link {
    case .local: return .local
    case .command(let argv):
      return .command(
        argv: argv.map { word in
          word.split(separator: "{node}", omittingEmptySubsequences: false)
            .joined(separator: node.name.rawValue)
        })
    case .ssh(let settings):
      // The usual names; a file that does not exist is skipped where it is the default.
      let identities =
        settings.identityFiles.isEmpty
        ? ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"] : settings.identityFiles
      let knownHosts =
        settings.knownHostsFiles.isEmpty ? ["~/.ssh/known_hosts"] : settings.knownHostsFiles
      return .ssh(
        SSHSpecification(
          host: settings.host, port: settings.port, user: settings.user ?? self.context.user,
          identityFiles: identities.map(self.context.resolve),
          knownHostsFiles: knownHosts.map(self.context.resolve),
          unknownHosts: settings.unknownHosts == .refuse ? .refuse : .acceptNew,
          connectTimeoutSeconds: settings.connectTimeoutSeconds))
    }
  }
}
