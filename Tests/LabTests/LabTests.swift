import Foundation
import Lab
import Testing

/// A lab of real sshd hosts, used as ssh itself would.
@Suite(
  .serialized,
  .enabled(
    if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/sshd"),
    "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)"))
struct LabTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "muster-lab-\(UInt64.random(in: 0..<UInt64.max))").path()

  private var lab: Lab {
    Lab(
      folder: self.folder,
      searchPath: ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
  }

  @Test func `hosts come up, answer ssh with their known keys, and go without a trace`()
    async throws
  {
    let user = NSUserName()
    let up = try await self.lab.up(count: 2, user: user, clock: ContinuousClock())
    #expect(up.hosts.count == 2)
    #expect(up.startedCount == 2)
    for host in up.hosts { #expect(try self.ssh(host, user) == 0) }
    // A second time there is nothing to do.
    #expect(try await self.lab.up(count: 2, user: user, clock: ContinuousClock()).startedCount == 0)
    #expect(try self.lab.status().allSatisfy(\.isRunning))
    try Data("mine".utf8).write(to: URL(filePath: "\(self.folder)/file"))
    try await self.lab.down(clock: ContinuousClock())
    #expect(try FileManager.default.contentsOfDirectory(atPath: self.folder) == ["file"])
    try FileManager.default.removeItem(atPath: self.folder)
    #expect(try self.ssh(up.hosts[0], user) != 0)
  }

  @Test func `a host that died is started again, and only that one`() async throws {
    let up = try await self.lab.up(count: 2, user: NSUserName(), clock: ContinuousClock())
    #expect(up.startedCount == 2)
    let line = try String(contentsOfFile: "\(self.folder)/node02.process", encoding: .utf8)
    let process = try #require(Int32(line.split(separator: " ")[0]))
    kill(process, SIGKILL)
    while try self.lab.status()[1].isRunning { sched_yield() }
    let again = try await self.lab.up(count: 2, user: NSUserName(), clock: ContinuousClock())
    #expect(again.startedCount == 1)
    #expect(again.hosts == up.hosts)
    try await self.lab.down(clock: ContinuousClock())
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

  /// - Returns: The status of `ssh HOST true`, strict about the host's key.
  private func ssh(_ host: LabHost, _ user: String) throws -> Int32 {
    // ssh too replaces what follows a percent sign, and splits at blanks outside quotes.
    let folder = self.folder.replacingOccurrences(of: "%", with: "%%")
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/ssh")
    process.arguments = [
      "-F", "none", "-i", "\(folder)/id_ed25519", "-o", "IdentitiesOnly=yes",
      "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
      "-o", "UserKnownHostsFile=\"\(folder)/known_hosts\"", "-o", "ConnectTimeout=5",
      "-p", "\(host.port)", "\(user)@\(host.address)", "true",
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
