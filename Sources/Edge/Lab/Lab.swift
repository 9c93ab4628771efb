import Glibc

/// A cluster of real sshd hosts on this machine, for any user: each on an address of loopback, with
/// keys and known_hosts of its own in one folder.
///
/// All hosts share the user's home, as many real clusters do. Its calls block.
package struct Lab {
  private static let sshd = "/usr/sbin/sshd"
  private static let keygen = "/usr/bin/ssh-keygen"
  /// Where ports are looked for: above what services use, below the ephemeral ones.
  private static let ports = 22_000..<32_000
  /// For sshd to say its greeting.
  private static let answerTimeout = Duration.seconds(10)

  private let folder: LabFolder
  private let searchPath: String

  /// - Parameters:
  ///   - folder: Absolute; made if it is not there.
  ///   - searchPath: PATH on the hosts; line feeds are left out.
  package init(folder: String, searchPath: String) {
    self.folder = LabFolder(path: folder)
    self.searchPath = searchPath.filter { !$0.isNewline }
  }

  package var manifestPath: String { self.folder.file("nodes.yaml") }

  /// Brings hosts 1 to `count` up; those that run are left alone, more than `count` are kept.
  ///
  /// - Parameters:
  ///   - count: 1 to ``LabHost/countMax``.
  ///   - user: Who logs in: the user of this process.
  /// - Returns: All hosts, and how many were started.
  package func up(
    count: Int, user: String, clock: some Clock<Duration>
  ) async throws(LabError) -> (hosts: [LabHost], startedCount: Int) {
    for (program, package) in [
      (Self.sshd, "openssh-server"), (Self.keygen, "openssh-client"),
    ] where access(program, X_OK) != 0 {
      throw .missingProgram(program, package: package)
    }
    try self.make()
    let lock = try self.lock()
    defer { close(lock) }
    if !self.folder.exists("id_ed25519") { try self.makeKey("id_ed25519") }
    var hosts = self.hosts()
    for number in hosts.count..<max(count, hosts.count) {
      let host = LabHost(number: number + 1, port: try Self.freePort(number + 1))
      try self.makeKey("\(host.name).hostkey")
      hosts.append(host)
      let ports = hosts.map { "\($0.port)\n" }.joined()
      try self.folder.write(LabFolder.mark + ports, to: "ports")
    }
    try self.writeKnownHosts(hosts)
    try self.writeManifest(hosts, user: user)
    var started: [LabHost] = []
    for host in hosts where self.process(of: host)?.isRunning != true {
      try self.start(host)
      started.append(host)
    }
    let deadline = clock.now.advanced(by: Self.answerTimeout)
    for host in started { try await self.wait(for: host, until: deadline, clock) }
    return (hosts, started.count)
  }

  /// Ends exactly the processes that the lab started, and removes its files.
  package func down(clock: some Clock<Duration>) async throws(LabError) {
    guard self.folder.isLab else {
      if access(self.folder.path, F_OK) != 0 { return }
      throw .noLab(folder: self.folder.path)
    }
    let lock = try self.lock()
    defer { close(lock) }
    let processes = self.hosts().compactMap { self.process(of: $0) }.filter(\.isRunning)
    for process in processes { kill(process.id, SIGTERM) }
    let deadline = clock.now.advanced(by: .seconds(5))
    while processes.contains(where: \.isRunning), clock.now < deadline {
      try await Self.pause(clock)
    }
    for process in processes where process.isRunning { kill(process.id, SIGKILL) }
    self.folder.remove()
  }

  /// All hosts of the lab, and whether each runs.
  package func status() throws(LabError) -> [(host: LabHost, isRunning: Bool)] {
    guard self.folder.isLab else { throw .noLab(folder: self.folder.path) }
    return self.hosts().map { ($0, self.process(of: $0)?.isRunning == true) }
  }

  // MARK: Files

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

  /// Held until the descriptor is closed.
  private func lock() throws(LabError) -> CInt {
    let file = open(self.folder.file("lock"), O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw LabFolder.failed("open \(self.folder.file("lock"))") }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      close(file)
      throw .locked(folder: self.folder.path)
    }
    return file
  }

  private func hosts() -> [LabHost] {
    let text = LabFolder.text(at: self.folder.file("ports")) ?? ""
    return text.split(separator: "\n").compactMap { Int($0) }.enumerated().map { index, port in
      LabHost(number: index + 1, port: port)
    }
  }

  private func makeKey(_ name: String) throws(LabError) {
    for file in [name, "\(name).pub"] { unlink(self.folder.file(file)) }
    try LabProcess.run([
      Self.keygen, "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", self.folder.file(name),
    ])
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

  private func process(of host: LabHost) -> LabProcess? {
    LabFolder.text(at: self.folder.file("\(host.name).process")).flatMap { LabProcess(line: $0) }
  }

  private func start(_ host: LabHost) throws(LabError) {
    // As root sshd wants its folder for privilege separation.
    if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
    try self.folder.write(
      host.configuration(folder: self.folder.path, searchPath: self.searchPath),
      to: "\(host.name).conf")
    let process = try LabProcess.start(
      [Self.sshd, "-D", "-e", "-f", self.folder.file("\(host.name).conf")],
      log: self.folder.file("\(host.name).log"))
    try self.folder.write(process.line, to: "\(host.name).process")
  }

  private func wait<C: Clock>(
    for host: LabHost, until deadline: C.Instant, _ clock: C
  ) async throws(LabError) where C.Duration == Duration {
    while !Self.greets(host) {
      guard clock.now < deadline, self.process(of: host)?.isRunning == true else {
        let log = LabFolder.text(at: self.folder.file("\(host.name).log")) ?? ""
        let lines = log.split(separator: "\n").suffix(5).map(String.init)
        throw .silent(host: host.name, lastLines: lines)
      }
      try await Self.pause(clock)
    }
  }

  private static func pause(_ clock: some Clock<Duration>) async throws(LabError) {
    do {
      try await clock.sleep(for: .milliseconds(20))
    } catch {
      throw .failed(operation: "wait", reason: "interrupted")
    }
  }

  // MARK: Ports

  /// Whether sshd says its greeting within a second.
  private static func greets(_ host: LabHost) -> Bool {
    guard let socket = Self.socket(), var address = Self.address(host.number, host.port) else {
      return false
    }
    defer { close(socket) }
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let isConnected = Self.with(&address) { connect(socket, $0, $1) == 0 }
    var greeting = [UInt8](repeating: 0, count: 4)
    return isConnected && recv(socket, &greeting, 4, 0) == 4 && greeting == Array("SSH-".utf8)
  }

  private static func freePort(_ number: Int) throws(LabError) -> Int {
    for port in Self.ports where (port - Self.ports.lowerBound) % LabHost.countMax == number - 1 {
      guard let socket = Self.socket(), var address = Self.address(number, port) else { break }
      defer { close(socket) }
      if Self.with(&address, { bind(socket, $0, $1) == 0 }) { return port }
    }
    throw .failed(operation: "find a free port on 127.0.0.\(10 + number)", reason: "none is free")
  }

  private static func socket() -> CInt? {
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    let socket = Glibc.socket(AF_INET, type, 0)
    return socket >= 0 ? socket : nil
  }

  private static func address(_ number: Int, _ port: Int) -> sockaddr_in? {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    let host = LabHost(number: number, port: port).address
    return inet_pton(AF_INET, host, &address.sin_addr) == 1 ? address : nil
  }

  private static func with<Result>(
    _ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
