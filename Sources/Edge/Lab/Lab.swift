import Glibc
import OperatingSystem

/// A cluster of real sshd hosts on this machine, for any user: each on an address of loopback, with
/// keys and known_hosts of its own in one folder.
///
/// All hosts share one home, as many real clusters do. Its calls block.
package struct Lab {
  private static let sshd = "/usr/sbin/sshd"
  private static let keygen = "/usr/bin/ssh-keygen"
  /// For sshd to say its greeting, and for a key to be made.
  private static let answerTimeout = Duration.seconds(10)
  /// For a process to end after each of two signals.
  private static let endTimeout = Duration.seconds(3)

  private let folder: LabFolder
  private let environment: [String: String]

  /// - Parameters:
  ///   - folder: Absolute; made if it is not there.
  ///   - environment: Of those who log in, such as PATH and HOME; line feeds in values are left out.
  package init(folder: String, environment: [String: String]) {
    self.folder = LabFolder(path: folder)
    self.environment = environment.mapValues { $0.filter { !$0.isNewline } }
  }

  package var manifestPath: String { self.folder.file("nodes.yaml") }

  /// Brings hosts 1 to `count` (at most ``LabHost/countMax``) up, for the user of this process to log
  /// in; those that run are left alone, more than `count` are kept.
  ///
  /// - Returns: All hosts, and how many were started.
  package func up(
    count: Int, user: String, clock: some Clock<Duration>
  ) async throws(LabError) -> (hosts: [LabHost], startedCount: Int) {
    for (program, package) in [
      (Self.sshd, "openssh-server"), (Self.keygen, "openssh-client"),
    ] where access(program, X_OK) != 0 {
      throw .missingProgram(program, package: package)
    }
    let lock = try self.makeAndLock()
    defer { close(lock) }
    // First of all: whatever happens from here on, it is a lab that `down` removes.
    if !self.folder.isLab { try self.folder.write(LabFolder.mark, to: "ports") }
    // ssh-keygen writes the public key last.
    if !self.folder.exists("id_ed25519.pub") { try await self.makeKey("id_ed25519", clock) }
    var hosts = self.hosts()
    for number in hosts.count..<max(count, hosts.count) {
      let host = LabHost(number: number + 1, port: try LabPort.free(number + 1))
      try await self.makeKey("\(host.name).hostkey", clock)
      hosts.append(host)
    }
    try self.writeFiles(hosts, user: user)
    var down = hosts.indices.filter { !self.isRunning(hosts[$0]) }
    let startedCount = down.count
    let deadline = clock.now.advanced(by: Self.answerTimeout)
    while !down.isEmpty {
      for index in down {
        // Somebody else may have taken the port in the meantime.
        hosts[index].port = try LabPort.free(hosts[index].number, preferred: hosts[index].port)
      }
      try self.writeFiles(hosts, user: user)
      for index in down { try self.start(hosts[index]) }
      var (left, rest) = ([Int](), down[...])
      while let index = rest.popFirst() {
        if try await !self.answers(hosts[index], until: deadline, clock) { left.append(index) }
      }
      down = left
    }
    return (hosts, startedCount)
  }

  /// Ends exactly the processes that the lab started, with the sessions of those who are logged in,
  /// and removes its files.
  package func down(clock: some Clock<Duration>) async throws(LabError) {
    guard self.folder.isLab else {
      if access(self.folder.path, F_OK) != 0 { return }
      throw .noLab(folder: self.folder.path)
    }
    // Another `down` has removed it in between.
    guard let lock = try self.folder.lock() else { return }
    defer { close(lock) }
    let hosts = self.hosts()
    try await Self.end(hosts.compactMap { self.process(of: $0) }, clock)
    // Nobody logs in from here on.
    try await Self.end(
      LabProcess.sessions(logs: hosts.map { self.folder.file("\($0.name).log") }), clock)
    self.folder.remove()
  }

  private static func end(
    _ processes: [ProcessStat.Identity], _ clock: some Clock<Duration>
  ) async throws(LabError) {
    for signal in [SIGTERM, SIGKILL] {
      for process in processes { ProcessTable.send(signal, to: process) }
      let isOver = try await LabProcess.poll(within: Self.endTimeout, clock) {
        !processes.contains(where: ProcessTable.isAlive)
      }
      if isOver { return }
    }
    let left = processes.filter(ProcessTable.isAlive).map { "\($0.processID)" }.joined(
      separator: ", ")
    throw .failed(operation: "end the hosts", reason: "not gone after a kill: process \(left)")
  }

  /// All hosts of the lab, and whether each runs.
  package func status() throws(LabError) -> [(host: LabHost, isRunning: Bool)] {
    guard self.folder.isLab else { throw .noLab(folder: self.folder.path) }
    return self.hosts().map { ($0, self.isRunning($0)) }
  }

  // MARK: Files

  private func makeAndLock() throws(LabError) -> CInt {
    while true {
      try self.make()
      // `nil`: a `down` has removed it in between.
      if let lock = try self.folder.lock() { return lock }
    }
  }

  private func make() throws(LabError) {
    guard !self.folder.path.contains(where: \.isNewline) else {
      throw .failed(operation: "make \(self.folder.path)", reason: "its name has a line feed")
    }
    if mkdir(self.folder.path, 0o700) == 0 { return }
    guard errno == EEXIST else { throw LabFolder.failed("make \(self.folder.path)") }
    guard self.folder.isLab || self.folder.names.allSatisfy({ $0 == "lock" }) else {
      throw .noLab(folder: self.folder.path)
    }
  }

  private func hosts() -> [LabHost] {
    let text = LabFolder.text(at: self.folder.file("ports")) ?? ""
    return text.split(separator: "\n").compactMap { Int($0) }.enumerated().map { index, port in
      LabHost(number: index + 1, port: port)
    }
  }

  private func makeKey(_ name: String, _ clock: some Clock<Duration>) async throws(LabError) {
    for file in [name, "\(name).pub"] { unlink(self.folder.file(file)) }
    try await LabProcess.run(
      [Self.keygen, "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", self.folder.file(name)],
      within: Self.answerTimeout, clock)
  }

  private func writeFiles(_ hosts: [LabHost], user: String) throws(LabError) {
    let ports = hosts.map { "\($0.port)\n" }.joined()
    try self.folder.write(LabFolder.mark + ports, to: "ports")
    try self.writeKnownHosts(hosts)
    try self.writeManifest(hosts, user: user)
  }

  private func writeKnownHosts(_ hosts: [LabHost]) throws(LabError) {
    var text = ""
    for host in hosts {
      let key = LabFolder.text(at: self.folder.file("\(host.name).hostkey.pub")) ?? ""
      let parts = key.split(separator: " ").prefix(2).joined(separator: " ")
      text += "[\(host.address)]:\(host.port) \(parts)\n"
    }
    try self.folder.write(text, to: "known_hosts")
  }

  private func writeManifest(_ hosts: [LabHost], user: String) throws(LabError) {
    var text = "# Written by `muster lab up`; manifests beside this folder include it.\n"
    text += "muster: 1\nnodes:\n"
    for host in hosts {
      text += """
          - hosts: \(host.name)
            ssh:
              host: "\(host.address)"
              port: \(host.port)
              user: \(LabHost.quoted(user))
              identity: \(LabHost.quoted(self.folder.file("id_ed25519")))
              known_hosts: \(LabHost.quoted(self.folder.file("known_hosts")))

        """
    }
    try self.folder.write(text, to: "nodes.yaml")
  }

  // MARK: Processes

  private func process(of host: LabHost) -> ProcessStat.Identity? {
    LabFolder.text(at: self.folder.file("\(host.name).process")).flatMap(ProcessStat.Identity.init)
  }

  private func isRunning(_ host: LabHost) -> Bool {
    self.process(of: host).map(ProcessTable.isAlive) ?? false
  }

  private func start(_ host: LabHost) throws(LabError) {
    // As root sshd wants its folder for privilege separation.
    if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
    try self.folder.write(
      host.configuration(folder: self.folder.path, environment: self.environment),
      to: "\(host.name).conf")
    let process = try LabProcess.start(
      [Self.sshd, "-D", "-e", "-f", self.folder.file("\(host.name).conf")],
      log: self.folder.file("\(host.name).log"))
    try self.folder.write(process.description, to: "\(host.name).process")
  }

  /// Waits until the host answers.
  ///
  /// - Returns: `false` where another program was faster at its port.
  private func answers<C: Clock>(
    _ host: LabHost, until deadline: C.Instant, _ clock: C
  ) async throws(LabError) -> Bool where C.Duration == Duration {
    while true {
      let isRunning = self.isRunning(host)
      let log = LabFolder.text(at: self.folder.file("\(host.name).log")) ?? ""
      // Another lab's sshd may be who greets there: its own log says that this one listens.
      if log.contains("Server listening on"), LabPort.greets(host) { return true }
      if !isRunning, log.contains("Cannot bind any address"), clock.now < deadline { return false }
      guard isRunning, clock.now < deadline else {
        let lines = log.split(separator: "\n").suffix(5).map(String.init)
        throw .silent(host: host.name, lastLines: lines)
      }
      try await LabProcess.pause(clock)
    }
  }
}

/// Why a lab does not stand.
package enum LabError: Error, Equatable {
  /// A program that the lab needs is not on this machine; with the Debian package that has it.
  case missingProgram(String, package: String)
  /// The folder is there and is no lab: nothing in it is touched.
  case noLab(folder: String)
  /// Another process works on the lab.
  case locked(folder: String)
  /// A host does not answer; with the last lines of its log.
  case silent(host: String, lastLines: [String])
  case failed(operation: String, reason: String)
}
