import Fleet
import Launch
import Recipes

/// Decides what of the nodes' facts would break the run of a plan, and what merely may.
package struct PreflightCheck {
  /// Below the first an engine's caches and logs do not fit; below the second a model's do not.
  private static let freeBytesMin = 1 << 30
  private static let freeBytesLow = 10 << 30
  /// Logs and states of hundreds of runs.
  private static let runsBytesHigh = 1_000_000_000
  /// What NCCL and the workers of an engine share beyond a few GPUs.
  private static let sharedMemoryMin = 1 << 30
  /// A server opens a descriptor for each connection, and a file for each part of a model.
  private static let openFilesMin: UInt64 = 65_536
  /// Beyond the first, records of nodes no longer sort by time; beyond the second, certificates and
  /// tokens are refused.
  private static let clockOffsetHighMilliseconds = 2_000
  private static let clockOffsetMaxMilliseconds = 60_000

  let plan: Plan
  /// In the order in which they came first, equal ones of several nodes as one.
  private var findings: [PreflightFinding] = []

  /// - Parameter answers: Of the nodes that were asked, in the order of the plan.
  /// - Returns: Errors first, each kind in the order of the checks.
  package static func findings(
    _ plan: Plan, _ answers: [PreflightAnswer]
  ) -> [PreflightFinding] {
    var check = Self(plan: plan)
    for answer in answers {
      check.look(atGPUsOf: answer)
      check.look(atPathsOf: answer)
      check.look(atRunsOf: answer)
      check.look(atProcessesOf: answer)
      check.look(atClockOf: answer)
    }
    for drift in PreflightDrift.warnings(plan, answers) { check.add(drift, on: nil, []) }
    return check.findings.filter(\.isError) + check.findings.filter { !$0.isError }
  }

  /// - Parameter detail: What differs from node to node; empty where nothing does.
  mutating func add(
    _ severity: Diagnostic.Severity, _ code: String, on node: String, _ summary: String,
    detail: String = "", hint: String? = nil
  ) {
    self.add(
      Diagnostic(severity, code: code, summary, hints: [hint].compactMap(\.self)),
      on: NodeName(node), detail.isEmpty ? [] : ["\(node): \(detail)"])
  }

  /// - Parameter node: `nil`: all of a service, named in its summary.
  private mutating func add(_ diagnostic: Diagnostic, on node: NodeName?, _ details: [String]) {
    let nodes = [node].compactMap(\.self)
    guard let index = self.findings.firstIndex(where: { $0.diagnostic == diagnostic }) else {
      self.findings.append(
        PreflightFinding(nodes: nodes, diagnostic: diagnostic, details: details))
      return
    }
    if self.findings[index].nodes.last != node { self.findings[index].nodes += nodes }
    self.findings[index].details += details
  }

  private init(plan: Plan) {
    self.plan = plan
  }

  // MARK: Paths

  private mutating func look(atPathsOf answer: PreflightAnswer) {
    let node = answer.node
    let launches = self.plan.launches(on: node)
    let justInTime = Set(launches.flatMap(self.plan.justInTimeFolders))
    let created = Set(launches.flatMap(\.folders))
    /// File systems told of, by their sizes: a dozen caches are on one.
    var told: Set<[Int?]> = []
    for path in answer.facts.paths {
      if path.isHung {
        self.add(
          .error, "path-hung", on: node, "`\(path.path)` does not answer",
          hint: "a mount whose server is gone; `umount -l` takes it away")
        continue
      }
      if path.isNetwork, justInTime.contains(path.path) {
        let accepts = self.plan.acceptsNetworkCaches == true
        self.add(
          accepts ? .warning : .error, "network-cache", on: node,
          "the compile caches are on a network file system, whose locks cannot be relied on",
          detail: "`\(path.path)` is on \(path.fileSystem)",
          hint: accepts
            ? nil : "set `caches.root` to a local disk, or write `caches.network: accept`")
      }
      if !path.exists { self.look(atMissing: path.path, on: node) }
      if !path.isWritable, created.contains(path.path) {
        self.add(
          .error, "not-writable", on: node, "`\(path.path)` cannot be written to")
      }
      if path.path == "/dev/shm" {
        self.look(atSharedMemory: path, of: launches, on: node)
      } else if let free = path.freeBytes, free < Self.freeBytesLow,
        told.insert([path.freeBytes, path.totalBytes]).inserted
      {
        let isLow = free >= Self.freeBytesMin
        self.add(
          isLow ? .warning : .error, "disk-full", on: node,
          "less than \(isLow ? 10 : 1) GiB is free where the plan writes",
          detail: "`\(path.path)` has \(ByteCount(max(0, free)))")
      }
    }
  }

  /// A node keeps every run until somebody removes it.
  private mutating func look(atRunsOf answer: PreflightAnswer) {
    guard let size = answer.facts.runsBytes, size > Self.runsBytesHigh else { return }
    self.add(
      .warning, "many-runs", on: answer.node,
      "the runs that it keeps take more than \(ByteCount(Self.runsBytesHigh))",
      detail: "\(ByteCount(size))",
      hint: "`muster runs prune MANIFEST --keep 5` removes old ones")
  }

  /// One that a service before it may make is not missed yet.
  private mutating func look(atMissing path: String, on node: String) {
    let services = self.plan.services.filter { service in
      service.replicas.contains { $0.node == node && $0.launch.requiredFolders.contains(path) }
    }
    guard !services.isEmpty else { return }
    self.add(
      services.contains { $0.after.isEmpty } ? .error : .warning, "no-folder", on: node,
      "`\(path)` is not there",
      detail: "service \(services.map { "`\($0.name)`" }.joined(separator: ", ")) needs it")
  }

  private mutating func look(
    atSharedMemory path: PreflightFacts.Path, of launches: [LaunchSpecification], on node: String
  ) {
    guard let free = path.freeBytes, free < Self.sharedMemoryMin,
      launches.contains(where: { $0.devices?.count ?? 0 > 1 })
    else { return }
    self.add(
      .warning, "small-shm", on: node, "`/dev/shm` has less than 1 GiB for parallel workers",
      detail: "\(ByteCount(max(0, free)))",
      hint: "in a container: `--shm-size 16g` or `--ipc host`")
  }

  // MARK: Processes

  private mutating func look(atProcessesOf answer: PreflightAnswer) {
    let (node, facts) = (answer.node, answer.facts)
    for program in facts.missingPrograms {
      self.add(
        .error, "no-program", on: node, "`\(program)` is not there, or is no program",
        hint: program.contains("/") ? nil : "name it with its path, or set `PATH` in `env`")
    }
    for port in facts.ports where !port.isOurs {
      self.add(
        .error, "port-taken", on: node, "port \(port.port) is taken",
        detail: port.processID == 0
          ? "by a process of another user" : "by `\(port.program)`, pid \(port.processID)",
        hint: "give the service another `port`, or end what listens there")
    }
    if let limit = facts.openFilesHard, limit < Self.openFilesMin {
      self.add(
        .warning, "few-files", on: node,
        "a process may open at most \(limit) files (`nofile`); servers want \(Self.openFilesMin)")
    }
    if facts.logoutKills == true {
      self.add(
        .error, "logout-kills", on: node,
        "the end of the login ends every process: `KillUserProcesses` is set",
        hint: "`loginctl enable-linger` on the node")
    }
  }

  private mutating func look(atClockOf answer: PreflightAnswer) {
    let offset = answer.clockOffsetMilliseconds
    guard abs(offset) > Self.clockOffsetHighMilliseconds else { return }
    let isFar = abs(offset) > Self.clockOffsetMaxMilliseconds
    self.add(
      isFar ? .error : .warning, "clock-offset", on: answer.node,
      "the clock is more than \(isFar ? "60" : "2") s off this machine's",
      detail: "\(abs(offset) / 1000) s \(offset > 0 ? "ahead" : "behind")",
      hint: "`timedatectl` shows whether it is synchronized")
  }
}
