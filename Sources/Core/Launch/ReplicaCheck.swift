import Fleet

/// Why a replica cannot be started as it is described.
package struct ReplicaFault: Error, Equatable, CustomStringConvertible {
  package var key: ReplicaKey
  /// In words.
  package var reason: String

  package var description: String { "replica \(self.key): \(self.reason)" }
}

extension ReplicaSpecification {
  /// Arguments and environment of one process together, in bytes; the kernel's own limit is 2 MiB.
  package static let launchSizeMax = 1 << 20
  /// Of each list.
  package static let listCountMax = 4096

  /// What the description of a replica must be before it is started: whoever sends one is authenticated,
  /// not trusted with the node's memory.
  package func check() throws(ReplicaFault) {
    let launch = self.launch
    // The folder's name has the index, too.
    try self.require(
      FolderName.isFolderName(self.key.folderName) && !self.key.service.isEmpty
        && self.key.index >= 0,
      "the service's name cannot name a folder")
    try self.checkSizes()
    try self.checkNames()
    try self.require(
      (1...86_400).contains(launch.readyTimeoutSeconds)
        && (0...3600).contains(launch.stopGraceSeconds),
      "ready within 1 to 86400 s, killed after 0 to 3600 s")
    try self.require(
      (1...1000).contains(launch.restartCountMax ?? 1), "restarts are 1 to 1000")
    if let cores = launch.cores {
      try self.require(
        (1...1024).contains(cores.count) && (0..<cores.count).contains(cores.index),
        "cores are part index of count, 1 to 1024")
    }
    try self.require((0...1024).contains(launch.devices?.count ?? 0), "devices are 0 to 1024")
    try self.require(launch.ports.allSatisfy(Self.isPort), "a port is not 1 to 65535")
    try self.checkPlaces()
  }

  private func require(_ isSo: Bool, _ reason: String) throws(ReplicaFault) {
    if !isSo { throw ReplicaFault(key: self.key, reason: reason) }
  }

  private func checkSizes() throws(ReplicaFault) {
    let launch = self.launch
    try self.require(launch.argv.first?.isEmpty == false, "no program")
    let lists = [
      launch.argv.count, launch.environment.count, launch.secrets.count, launch.ports.count,
      launch.progressMarks.count, launch.folders.count, launch.neededFolders.count,
      launch.devices?.variables.count ?? 0,
    ]
    try self.require(
      lists.allSatisfy { $0 <= Self.listCountMax },
      "a list has more than \(Self.listCountMax) entries")
    try self.require(
      self.words.reduce(0) { $0 + $1.utf8.count + 1 } <= Self.launchSizeMax,
      "arguments and environment have more than \(Self.launchSizeMax) bytes")
  }

  /// What becomes the process's arguments and environment.
  private var words: [String] {
    self.launch.argv + self.launch.environment.flatMap { [$0.name, $0.value] } + self.launch.secrets
  }

  private func checkNames() throws(ReplicaFault) {
    let launch = self.launch
    let folders = launch.folders + launch.neededFolders + [launch.folder]
    try self.require(
      (self.words + folders).allSatisfy { !$0.utf8.contains(0) },
      "a NUL in an argument, a variable or a folder")
    let variables =
      launch.environment.map(\.name) + launch.secrets + (launch.devices?.variables ?? [])
      + [launch.cores?.variable, launch.model?.keyVariable].compactMap(\.self)
    for name in variables {
      try self.require(EnvironmentVariable.isName(name), "`\(name)` cannot name a variable")
    }
    let isHome = launch.folder.isEmpty || launch.folder == "~" || launch.folder.hasPrefix("~/")
    try self.require(
      launch.folders.allSatisfy { $0.hasPrefix("/") } && (isHome || launch.folder.hasPrefix("/")),
      "a folder is not an absolute path")
  }

  private func checkPlaces() throws(ReplicaFault) {
    if let metrics = self.launch.metrics {
      try self.require(
        Self.isPort(metrics.port) && HTTPPath.isPath(metrics.path),
        "metrics need a port and a path")
    }
    if let model = self.launch.model {
      try self.require(
        Self.isPort(model.port) && HTTPPath.isPath(model.metricsPath)
          && HTTPPath.isPath(model.healthPath ?? "/") && !model.model.isEmpty
          && self.launch.argv.indices.contains(model.keyArgument ?? 0),
        "a server of a model needs a name, a port and paths")
    }
    switch self.launch.probe {
    case .http(let port, let path)?:
      try self.require(HTTPPath.isPath(path), "`\(path)` is not the path of a request")
      try self.require(Self.isPort(port), "the probe's port is \(port)")
    case .tcp(let port)?: try self.require(Self.isPort(port), "the probe's port is \(port)")
    case .log(let text)?: try self.require(!text.isEmpty, "a log probe without a text")
    case .exec(let argv)?:
      try self.require(
        argv.first?.isEmpty == false && argv.allSatisfy { !$0.utf8.contains(0) },
        "an exec probe without a program")
    case nil: break
    }
  }

  private static func isPort(_ number: Int) -> Bool { (1...65_535).contains(number) }
}
