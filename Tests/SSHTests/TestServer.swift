import Fleet
import Foundation
import Glibc
import SSH
import Testing

/// Keys and files for sshd in a scratch folder, made once for all tests.
struct TestKeys {
  static let shared = Result { try TestKeys() }
  static let sshd = "/usr/sbin/sshd"
  static var hasSSHD: Bool { FileManager.default.isExecutableFile(atPath: Self.sshd) }

  let folder: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "muster-ssh-tests-\(getpid())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    self.folder = folder.path
    atexit {
      if let keys = try? TestKeys.shared.get() {
        try? FileManager.default.removeItem(atPath: keys.folder)
      }
    }
    if getuid() == 0 { mkdir("/run/sshd", 0o755) }
    for name in ["host", "other-host", "user", "stranger"] {
      try Self.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(self.folder)/\(name)"])
    }
    try Self.run(
      "ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-f", "\(self.folder)/ecdsa-host"])
    try FileManager.default.copyItem(
      atPath: "\(self.folder)/user.pub", toPath: "\(self.folder)/authorized_keys")
  }

  @discardableResult
  static func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: "\(self.folder)/\(name)", encoding: .utf8)
  }

  func key(_ name: String) throws -> SSHPrivateKey {
    try SSHPrivateKey(file: "\(self.folder)/\(name)", text: self.text(name))
  }

  func hostKey(_ name: String) throws -> SSHHostKey {
    let fields = try self.text("\(name).pub").split(separator: " ")
    let blob = try #require(Base64.decode(Array(fields[1].utf8)))
    return try #require(SSHHostKey(blob: blob))
  }

  /// A configuration for the host key of the test's sshd.
  func configuration(
    _ command: String, keys: [String] = ["user"], known: [String] = ["host"],
    unknownHosts: SSHSpecification.UnknownHosts = .refuse
  ) throws -> SSHConfiguration {
    var hosts = KnownHosts()
    let lines = try known.map { KnownHosts.line(host: "h", port: 22, key: try self.hostKey($0)) }
    hosts.append(Array(lines.joined(separator: "\n").utf8), file: "known_hosts")
    return SSHConfiguration(
      user: NSUserName(), privateKeys: try keys.map(self.key),
      knownHostKeys: hosts.keys(host: "h", port: 22), unknownHosts: unknownHosts, command: command)
  }
}

/// One real sshd that serves one connection: a socket pair, as inetd would hand it.
final class InetdServer {
  /// Our end, not blocking.
  let descriptor: CInt
  private let process: pid_t

  init(_ keys: TestKeys, options: [String] = []) throws {
    var ends: [CInt] = [-1, -1]
    let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    self.descriptor = ends[0]
    let base = [
      "HostKey=\(keys.folder)/host", "AuthorizedKeysFile=\(keys.folder)/authorized_keys",
      "StrictModes=no", "UsePAM=no", "PermitRootLogin=yes", "PidFile=none", "LogLevel=QUIET",
    ]
    // The first value of an option counts.
    let argv = [TestKeys.sshd, "-i", "-f", "/dev/null"] + (options + base).flatMap { ["-o", $0] }
    self.process = try Self.spawn(argv, stream: ends[1])
    close(ends[1])
  }

  private static func spawn(_ argv: [String], stream: CInt) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [0, 1] as [CInt] {
      posix_spawn_file_actions_adddup2(&actions, stream, descriptor)
    }
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let words = argv.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    try #require(posix_spawn(&process, argv[0], &actions, &attributes, words, environ) == 0)
    return process
  }

  deinit {
    close(self.descriptor)
    kill(self.process, SIGTERM)
    var status: CInt = 0
    while waitpid(self.process, &status, 0) < 0, errno == EINTR {}
  }
}
