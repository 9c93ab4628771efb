/// What it takes to run one replica on its node: the result of a recipe, complete and literal.
package struct LaunchSpecification: Codable, Equatable, Sendable {
  /// The program and its arguments; the program is looked up in the node's PATH if it has no slash.
  package var argv: [String]
  /// In order; a name stands once. Values are literal: no shell reads them.
  package var environment: [EnvironmentVariable]
  /// Names of secrets that become variables of the process.
  package var secrets: [String]
  /// Working folder on the node; empty: the home folder.
  package var folder: String
  /// What makes it ready; `nil`: alive for 2 s, shown as unproven.
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
  /// Folders that must exist before the start, such as those of caches.
  package var folders: [String]
  /// Restarts within an hour after failures, 1 to 1000; `nil`: never.
  package var restartCountMax: Int?
  /// Which part of the node's cores it keeps to; `nil`: all.
  package var cores: CoreShare?
  /// Where its metrics are on its node; `nil`: where its canary is asked, `/metrics`.
  package var metrics: MetricsPlace?

  /// Whether its agent can fetch a page of metrics of it.
  package var showsMetrics: Bool {
    if case .canary = self.probe { return true }
    return self.metrics != nil
  }

  package struct CoreShare: Codable, Equatable, Sendable {
    /// 0 ..< ``count``.
    package var index: Int
    package var count: Int

    package init(index: Int, count: Int) {
      self.index = index
      self.count = count
    }
  }

  package struct MetricsPlace: Codable, Equatable, Sendable {
    package var port: Int
    package var path: String

    package init(port: Int, path: String) {
      self.port = port
      self.path = path
    }
  }
  /// GPUs the process needs; `nil`: unknown.
  package var gpuCount: Int?

  package init(
    argv: [String], environment: [EnvironmentVariable] = [], secrets: [String] = [],
    folder: String = "", probe: ReadinessProbe? = nil, readyTimeoutSeconds: Int = 600,
    progressMarks: [String] = [], isTask: Bool = false, stopGraceSeconds: Int = 30,
    ports: [Int] = [], folders: [String] = [], gpuCount: Int? = nil
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
    self.gpuCount = gpuCount
  }
}

package struct EnvironmentVariable: Codable, Equatable, Sendable {
  package var name: String
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// What makes a replica ready. All but `canary` are declared in the manifest.
package enum ReadinessProbe: Codable, Equatable, Sendable {
  /// GET on 127.0.0.1 answers a status in 200 ... 299.
  case http(port: Int, path: String)
  /// A connection to 127.0.0.1 is accepted.
  case tcp(port: Int)
  /// A line of the log contains the text.
  case log(contains: String)
  /// The command ends with status 0.
  case exec(argv: [String])
  /// `/v1/models` names the model, and a completion of one token succeeds.
  case canary(port: Int, model: String)
}
