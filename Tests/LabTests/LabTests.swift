import Foundation
import Glibc
import OperatingSystem
import Testing

@testable import Lab

/// A lab of real sshd hosts, used as ssh itself would.
@Suite(
  .serialized,
  .enabled(
    if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/sshd"),
    "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)"))
struct LabTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "muster lab 100%d \(UInt64.random(in: 0..<UInt64.max))")
    .path(percentEncoded: false)

  private var lab: Lab {
    Lab(
      folder: self.folder,
      environment: [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
        // Not the user's, who may do much at a login.
        "HOME": NSTemporaryDirectory(),
      ])
  }

  @Test func `hosts come up, answer ssh with their known keys, and go without a trace`()
    async throws
  {
    let user = NSUserName()
    let up = try await self.lab.up(count: 2, user: user, clock: ContinuousClock())
    #expect(up.hosts.count == 2)
    #expect(up.startedCount == 2)
    for host in up.hosts { #expect(try await self.ssh(host, user) == 0) }
    // A second time there is nothing to do.
    #expect(try await self.lab.up(count: 2, user: user, clock: ContinuousClock()).startedCount == 0)
    #expect(try self.lab.status().allSatisfy(\.isRunning))
    try Data("mine".utf8).write(to: URL(filePath: "\(self.folder)/file"))
    try await self.lab.down(clock: ContinuousClock())
    #expect(try FileManager.default.contentsOfDirectory(atPath: self.folder) == ["file"])
    try FileManager.default.removeItem(atPath: self.folder)
    #expect(try await self.ssh(up.hosts[0], user) != 0)
  }

  @Test func `a host that died is started again, and only that one`() async throws {
    let up = try await self.lab.up(count: 2, user: NSUserName(), clock: ContinuousClock())
    #expect(up.startedCount == 2)
    kill(try self.process("node02").processID, SIGKILL)
    while try self.lab.status()[1].isRunning { sched_yield() }
    let again = try await self.lab.up(count: 2, user: NSUserName(), clock: ContinuousClock())
    #expect(again.startedCount == 1)
    #expect(again.hosts[0] == up.hosts[0])
    #expect(again.hosts.map(\.number) == [1, 2])
    try await self.lab.down(clock: ContinuousClock())
  }

  @Test func `a port that somebody took from a dead host is left to them`() async throws {
    let up = try await self.lab.up(count: 2, user: NSUserName(), clock: ContinuousClock())
    let process = try self.process("node01")
    kill(process.processID, SIGKILL)
    while ProcessTable.isAlive(process) { sched_yield() }
    // Another test's lab may have been faster, which does as well.
    let taken = self.listen(on: up.hosts[0])
    defer { if let taken { close(taken) } }
    let again = try await self.lab.up(count: 2, user: NSUserName(), clock: ContinuousClock())
    #expect(again.hosts[0].port != up.hosts[0].port)
    #expect(again.hosts[1] == up.hosts[1])
    for host in again.hosts { #expect(try await self.ssh(host, NSUserName()) == 0) }
    try await self.lab.down(clock: ContinuousClock())
  }

  @Test func `two labs that come up at once have ports of their own`() async throws {
    let (one, two) = (self.lab, Lab(folder: "\(self.folder) too", environment: [:]))
    let user = NSUserName()
    async let first = one.up(count: 4, user: user, clock: ContinuousClock())
    async let second = two.up(count: 4, user: user, clock: ContinuousClock())
    let hosts = try await (first.hosts, second.hosts)
    for (own, other) in zip(hosts.0, hosts.1) { #expect(own.port != other.port) }
    #expect(try one.status().allSatisfy(\.isRunning) && two.status().allSatisfy(\.isRunning))
    for host in hosts.0 { #expect(try await self.ssh(host, user) == 0) }
    for lab in [one, two] { try await lab.down(clock: ContinuousClock()) }
  }

  /// `true`: the host itself has died before, and its sessions are nobody's.
  @Test(.timeLimit(.minutes(1)), arguments: [false, true])
  func `who is logged in goes down with the host`(isDead: Bool) async throws {
    let host = try await self.lab.up(count: 1, user: NSUserName(), clock: ContinuousClock())
      .hosts[0]
    let output = Pipe()
    let client = try self.startSSH(host, NSUserName(), "echo in; exec sleep 600", output)
    #expect(output.fileHandleForReading.availableData == Data("in\n".utf8))
    let own = try self.process("node01")
    let sessions = LabProcess.sessions(logs: ["\(self.folder)/node01.log"]).filter { $0 != own }
    #expect(!sessions.isEmpty)
    if isDead { kill(own.processID, SIGKILL) }
    try await self.lab.down(clock: ContinuousClock())
    #expect(sessions.filter(ProcessTable.isAlive).isEmpty)
    #expect(try await self.status(of: client) != 0)
  }

  @Test func `a process that does not heed is gone when down returns`() async throws {
    _ = try await self.lab.up(count: 1, user: NSUserName(), clock: ContinuousClock())
    let own = try self.process("node01")
    let output = Pipe()
    let deaf = Process()
    deaf.executableURL = URL(filePath: "/bin/sh")
    deaf.arguments = ["-c", "trap '' TERM; echo deaf; while :; do read line; done"]
    deaf.standardInput = FileHandle(forReadingAtPath: "/dev/zero")
    deaf.standardOutput = output
    try deaf.run()
    #expect(output.fileHandleForReading.availableData == Data("deaf\n".utf8))
    let process = try #require(ProcessTable.stat(of: deaf.processIdentifier)?.identity)
    try Data(process.description.utf8).write(to: URL(filePath: "\(self.folder)/node01.process"))
    try await self.lab.down(clock: ContinuousClock())
    #expect(!ProcessTable.isAlive(process))
    #expect(!FileManager.default.fileExists(atPath: self.folder))
    // The host itself was found by its log.
    #expect(!ProcessTable.isAlive(own))
  }

  @Test func `a lock whose file was removed is none`() throws {
    let folder = LabFolder(path: self.folder)
    mkdir(self.folder, 0o700)
    let held = try #require(try folder.lock())
    #expect(throws: LabError.locked(folder: self.folder)) { try folder.lock() }
    // Somebody has opened the file, and gets its lock when it is no longer the lab's.
    let late = open(folder.file("lock"), O_RDWR | O_CLOEXEC)
    defer { close(late) }
    #expect(LabFolder.isStill(late, at: folder.file("lock")))
    folder.remove()
    close(held)
    #expect(flock(late, LOCK_EX | LOCK_NB) == 0)
    #expect(!LabFolder.isStill(late, at: folder.file("lock")))
    #expect(try folder.lock() == nil)
  }

  @Test func `the mark of a lab and its lock are removed last`() {
    let names = [
      "known_hosts", "lock", "mine", "node01.log", "ports", "ports.7-1.new", "ports.new",
    ]
    #expect(
      LabFolder.removed(of: names) == [
        "known_hosts", "node01.log", "ports.7-1.new", "ports.new", "ports", "lock",
      ])
    #expect(LabFolder.removed(of: ["mine"]) == [])
  }

  @Test(.timeLimit(.minutes(1)))
  func `a program that takes too long is ended`() async throws {
    let words = ["/bin/sleep", "600.\(UInt32.random(in: 1...UInt32.max))"]
    await #expect(
      throws: LabError.failed(
        operation: words.joined(separator: " "), reason: "it takes longer than 0.05 seconds")
    ) {
      try await LabProcess.run(words, within: .milliseconds(50), ContinuousClock())
    }
    let running = LabFolder(path: "/proc").names.filter { name in
      LabFolder.text(at: "/proc/\(name)/cmdline")?.contains(words[1]) == true
    }
    #expect(running == [])
  }

  @Test func `a folder that is no lab is left alone`() async throws {
    try FileManager.default.createDirectory(
      atPath: self.folder, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: URL(filePath: "\(self.folder)/file"))
    try Data("8080\n".utf8).write(to: URL(filePath: "\(self.folder)/ports"))
    await #expect(throws: LabError.noLab(folder: self.folder)) {
      try await self.lab.down(clock: ContinuousClock())
    }
    #expect(FileManager.default.fileExists(atPath: "\(self.folder)/file"))
    try FileManager.default.removeItem(atPath: self.folder)
  }

  private func process(_ host: String) throws -> ProcessStat.Identity {
    let line = try String(contentsOfFile: "\(self.folder)/\(host).process", encoding: .utf8)
    return try #require(ProcessStat.Identity(line))
  }

  /// A socket that listens where the host did; `nil` where it does not.
  private func listen(on host: LabHost) -> CInt? {
    let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(host.port).bigEndian
    inet_pton(AF_INET, host.address, &address.sin_addr)
    var yes: CInt = 1
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return isBound == 0 && Glibc.listen(socket, 1) == 0 ? socket : nil
  }

  /// - Returns: The status of `ssh HOST true`, strict about the host's key.
  private func ssh(_ host: LabHost, _ user: String) async throws -> Int32 {
    let process = try self.startSSH(host, user, "true", FileHandle.nullDevice)
    return try await self.status(of: process)
  }

  /// Blocks no thread that another test needs.
  private func status(of process: Process) async throws -> Int32 {
    while process.isRunning { try await LabProcess.pause(ContinuousClock()) }
    return process.terminationStatus
  }

  private func startSSH(
    _ host: LabHost, _ user: String, _ command: String, _ output: Any
  ) throws -> Process {
    // ssh too replaces what follows a percent sign, and splits at blanks outside quotes.
    let folder = self.folder.replacingOccurrences(of: "%", with: "%%")
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/ssh")
    process.arguments = [
      "-F", "none", "-o", "IdentityFile=\"\(folder)/id_ed25519\"", "-o", "IdentitiesOnly=yes",
      "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
      "-o", "UserKnownHostsFile=\"\(folder)/known_hosts\"", "-o", "ConnectTimeout=5",
      "-p", "\(host.port)", "\(user)@\(host.address)", command,
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }
}
