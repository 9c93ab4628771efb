import Fleet

/// Why a replica cannot be started as it is described.
package struct ReplicaFault: Error, Equatable, CustomStringConvertible {
  package var key: ReplicaKey
  /// In words.
  package var reason: String

  package init(key: ReplicaKey, reason: String) {
    self.key = key
    self.reason = reason
  }

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
    // The folder's name has the index, too.
    guard FolderName.isFolderName(self.key.folderName), !self.key.service.isEmpty,
      self.key.index >= 0
    else {
      throw self.refused("the service's name cannot name a folder")
    }
    try self.checkSizes()
    try self.checkNames()
    let launch = self.launch
    guard (1...86_400).contains(launch.readyTimeoutSeconds),
      (0...3600).contains(launch.stopGraceSeconds)
    else { throw self.refused("ready within 1 to 86400 s, killed after 0 to 3600 s") }
    guard (1...1000).contains(launch.restartCountMax ?? 1) else {
      throw self.refused("restarts are 1 to 1000")
    }
    if let cores = launch.cores {
      guard (1...1024).contains(cores.count), (0..<cores.count).contains(cores.index) else {
        throw self.refused("cores are part index of count, 1 to 1024")
      }
    }
    if let devices = launch.devices {
      guard (0...1024).contains(devices.count) else { throw self.refused("devices are 0 to 1024") }
    }
    guard launch.ports.allSatisfy(Self.isPort) else {
      throw self.refused("a port is not 1 to 65535")
    }
    try self.checkPlaces()
  }

  private func refused(_ reason: String) -> ReplicaFault {
    ReplicaFault(key: self.key, reason: reason)
  }

  private func checkSizes() throws(ReplicaFault) {
    let launch = self.launch
    guard let program = launch.argv.first, !program.isEmpty else {
      throw self.refused("no program")
    }
    let lists = [
      launch.argv.count, launch.environment.count, launch.secrets.count, launch.ports.count,
      launch.progressMarks.count, launch.folders.count, launch.neededFolders.count,
      launch.devices?.variables.count ?? 0,
    ]
    guard lists.allSatisfy({ $0 <= Self.listCountMax }) else {
      throw self.refused("a list has more than \(Self.listCountMax) entries")
    }
    guard self.words.reduce(0, { $0 + $1.utf8.count + 1 }) <= Self.launchSizeMax else {
      throw self.refused("arguments and environment have more than \(Self.launchSizeMax) bytes")
    }
  }

  /// What becomes the process's arguments and environment.
  private var words: [String] {
    self.launch.argv + self.launch.environment.flatMap { [$0.name, $0.value] } + self.launch.secrets
  }

  private func checkNames() throws(ReplicaFault) {
    let launch = self.launch
    let folders = launch.folders + launch.neededFolders + [launch.folder]
    guard (self.words + folders).allSatisfy({ !$0.utf8.contains(0) }) else {
      throw self.refused("a NUL in an argument, a variable or a folder")
    }
    let variables =
      launch.environment.map(\.name) + launch.secrets + (launch.devices?.variables ?? [])
      + [launch.cores?.variable, launch.model?.keyVariable].compactMap(\.self)
    for name in variables where !Self.isVariable(name) {
      throw self.refused("`\(name)` cannot name a variable")
    }
    let isHome = launch.folder.isEmpty || launch.folder == "~" || launch.folder.hasPrefix("~/")
    guard launch.folders.allSatisfy({ $0.hasPrefix("/") }), isHome || launch.folder.hasPrefix("/")
    else { throw self.refused("a folder is not an absolute path") }
  }

  private func checkPlaces() throws(ReplicaFault) {
    if let metrics = self.launch.metrics {
      guard Self.isPort(metrics.port), HTTPPath.isPath(metrics.path) else {
        throw self.refused("metrics need a port and a path")
      }
    }
    if let model = self.launch.model {
      guard Self.isPort(model.port), HTTPPath.isPath(model.metricsPath),
        HTTPPath.isPath(model.healthPath ?? "/"), !model.model.isEmpty,
        self.launch.argv.indices.contains(model.keyArgument ?? 0)
      else { throw self.refused("a server of a model needs a name, a port and paths") }
    }
    switch self.launch.probe {
    case .http(let port, let path)?:
      guard HTTPPath.isPath(path) else {
        throw self.refused("`\(path)` is not the path of a request")
      }
      guard Self.isPort(port) else { throw self.refused("the probe's port is \(port)") }
    case .tcp(let port)?:
      guard Self.isPort(port) else { throw self.refused("the probe's port is \(port)") }
    case .log(let text)?:
      guard !text.isEmpty else { throw self.refused("a log probe without a text") }
    case .exec(let argv)?:
      guard argv.first?.isEmpty == false, argv.allSatisfy({ !$0.utf8.contains(0) }) else {
        throw self.refused("an exec probe without a program")
      }
    case nil: break
    }
  }

  private static func isPort(_ number: Int) -> Bool { (1...65_535).contains(number) }

  private static func isVariable(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        || (0x61...0x7A).contains(byte)
    }
  }
}
