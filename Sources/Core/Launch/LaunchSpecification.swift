import Fleet

/// What it takes to run one replica on its node, complete and literal: what a recipe and the plan make
/// of a service, what a node is told, and what its agent keeps beside the replica's log.
package struct LaunchSpecification: Codable, Hashable, Sendable {
  /// The program and its arguments; the program is looked up in the node's PATH if it has no slash.
  package var argv: [String]
  /// In order; a name stands once. Values are literal: no shell reads them.
  package var environment: [EnvironmentVariable]
  /// Names of secrets that become variables of the process.
  package var secrets: [String]
  /// Working folder on the node; empty: the home folder.
  package var folder: String
  /// What makes it ready, where the manifest says so; `nil`: see ``readiness``.
  package var probe: ReadinessProbe?
  /// From the start of the process to ready, 1 to 86400.
  package var readyTimeoutSeconds: Int
  /// Texts in log lines that mean that loading goes on.
  package var progressMarks: [String]
  /// A program that may end well, with status 0.
  package var isTask: Bool
  /// From the first TERM to KILL, 0 to 3600.
  package var stopGraceSeconds: Int
  /// TCP ports the process listens on.
  package var ports: [Int]
  /// Folders that are made before the start, such as those of caches.
  package var folders: [String]
  /// Folders that must be there before the start, such as a model's; absolute, or below `~`.
  package var neededFolders: [String] = []
  /// Restarts within an hour after failures, 1 to 1000; `nil`: never.
  package var restartCountMax: Int?
  /// Which part of the node's cores it keeps to; `nil`: all.
  package var cores: CoreShare?
  /// The model that it serves; `nil`: none.
  package var model: ModelServer?
  /// Where its metrics are on its node, if not where its model's are.
  package var metrics: MetricsPlace?
  /// The devices that it needs; `nil`: none that anyone knows of.
  package var devices: DeviceNeed?
  /// What it is within its service, such as `head`; `nil`: all replicas are alike.
  package var role: String?

  package init(
    argv: [String], environment: [EnvironmentVariable] = [], secrets: [String] = [],
    folder: String = "", probe: ReadinessProbe? = nil, readyTimeoutSeconds: Int = 600,
    progressMarks: [String] = [], isTask: Bool = false, stopGraceSeconds: Int = 30,
    ports: [Int] = [], folders: [String] = [], model: ModelServer? = nil
  ) {
    self.argv = argv
    self.environment = environment
    self.secrets = secrets
    self.folder = folder
    self.probe = probe
    self.readyTimeoutSeconds = readyTimeoutSeconds
    self.progressMarks = progressMarks
    self.isTask = isTask
    self.stopGraceSeconds = stopGraceSeconds
    self.ports = ports
    self.folders = folders
    self.model = model
  }

  /// Where its agent fetches a page of metrics of it; `nil`: nowhere.
  package var metricsPlace: MetricsPlace? {
    self.metrics ?? self.model.map { MetricsPlace(port: $0.port, path: $0.metricsPath) }
  }

  /// The variable of the key that the server of its model asks for; `nil`: it asks for none.
  package var keyVariable: String? {
    guard let name = self.model?.keyVariable else { return nil }
    let hasKey =
      self.model?.keyArgument != nil || self.secrets.contains(name) || self.value(of: name) != nil
    return hasKey ? name : nil
  }

  /// The value of the last variable of the name, which is the one that holds.
  package func value(of variable: String) -> String? {
    self.environment.last { $0.name == variable }?.value
  }

  /// What a variable says of its devices; `nil`: none does.
  package var deviceList: DeviceList? {
    let names = self.devices?.variables ?? []
    return names.lazy.compactMap { self.value(of: $0) }.first.map { DeviceList($0) }
  }

  /// The devices that it sees, by their variable, else the first ones that it needs; empty where nothing
  /// is known of that.
  package var visibleDevices: Set<Int> {
    self.deviceList.map { Set($0.indices) } ?? Set(0..<(self.devices?.count ?? 0))
  }
}

/// Part ``index`` of ``count`` equal parts of the cores that an agent may use.
package struct CoreShare: Codable, Hashable, Sendable {
  /// 0 ..< ``count``.
  package var index: Int
  /// 1 to 1024.
  package var count: Int
  /// The variable that lists the cores for programs that bind their threads themselves, to the first
  /// cores of the machine if they are not told; `nil`: none.
  package var variable: String?

  package init(index: Int, count: Int, variable: String? = nil) {
    self.index = index
    self.count = count
    self.variable = variable
  }
}

/// A page of metrics, on the node of whoever is asked for it.
package struct MetricsPlace: Codable, Hashable, Sendable {
  package var port: Int
  package var path: String

  package init(port: Int, path: String) {
    self.port = port
    self.path = path
  }
}

/// Devices such as GPUs, and how a process is told which of its node's are its own.
package struct DeviceNeed: Codable, Hashable, Sendable {
  /// 0 to 1024; 0: unknown.
  package var count: Int
  /// Variables that list the indices of the devices that a process sees, separated by commas. The first
  /// is the one that is set; what the manifest sets of any of them is kept to.
  package var variables: [String]

  package init(count: Int, variables: [String]) {
    self.count = count
    self.variables = variables
  }
}

package struct EnvironmentVariable: Codable, Hashable, Sendable {
  package var name: String
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// The rule of names as a regular expression of ECMA-262.
  package static let namePattern = "^[A-Za-z_][A-Za-z0-9_]{0,255}$"

  package static func isName(_ text: String) -> Bool {
    text.utf8.first.map { $0.isWord && !$0.isDigit } == true && text.utf8.count <= 256
      && text.utf8.allSatisfy(\.isWord)
  }
}

/// What the manifest says makes a replica ready.
package enum ReadinessProbe: Codable, Hashable, Sendable {
  /// GET on 127.0.0.1 answers a status in 200 ... 299.
  case http(port: Int, path: String)
  /// A connection to 127.0.0.1 is accepted.
  case tcp(port: Int)
  /// A line of the log contains the text.
  case log(contains: String)
  /// The command ends with status 0.
  case exec(argv: [String])
}

/// How it is found out that a replica is ready.
package enum Readiness: Equatable, Sendable {
  case probe(ReadinessProbe)
  /// The server names the model, and a completion of one token succeeds.
  case canary(ModelServer)
  /// It has lived for 2 s, and is shown as unproven.
  case life

  /// Whether it serves completions, and is asked for one now and then.
  package var asksCanaries: Bool {
    if case .canary = self { return true }
    return false
  }
}

extension LaunchSpecification {
  /// By the probe, where one is declared; else a server of a model by a canary.
  package var readiness: Readiness {
    if let probe = self.probe { return .probe(probe) }
    return self.model.map { .canary($0) } ?? .life
  }
}

/// Which replica: its service and its index within it, over all nodes.
package struct ReplicaKey: Codable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package var service: String
  package var index: Int

  package init(service: String, index: Int) {
    self.service = service
    self.index = index
  }

  /// - Parameter text: `SERVICE/INDEX`; `nil` for anything else.
  package init?(_ text: String) {
    guard let slash = text.lastIndex(of: "/"), let index = Int(text[text.index(after: slash)...]),
      index >= 0, slash > text.startIndex
    else { return nil }
    self.init(service: String(text[..<slash]), index: index)
  }

  package var description: String { "\(self.service)/\(self.index)" }

  /// The name of its folder on its node: `policy-0`.
  package var folderName: String { "\(self.service)-\(self.index)" }

  package static func < (lhs: Self, rhs: Self) -> Bool {
    (lhs.service, lhs.index) < (rhs.service, rhs.index)
  }
}

/// One replica, and what starts it: all that its agent is told.
package struct ReplicaSpecification: Codable, Equatable, Sendable {
  package var key: ReplicaKey
  package var launch: LaunchSpecification

  package init(key: ReplicaKey, launch: LaunchSpecification) {
    self.key = key
    self.launch = launch
  }

  /// As it travels to its node, and as its agent keeps it beside the replica's log.
  package func json() throws -> [UInt8] { try CanonicalJSON.bytes(of: self) }

  /// - Parameter json: As ``json()`` gives it.
  /// - Throws: `ReplicaFault` for a replica that cannot be right, others for what is none.
  package init(json: [UInt8]) throws {
    self = try CanonicalJSON.value(from: json)
    try self.check()
  }
}
