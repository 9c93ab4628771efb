import Fleet
import Foundation
import GRPCCore
import Glibc
import NIOCore
import NIOPosix
import NodeAPI
import OperatingSystem
import Plan
import Testing

@testable import Links

/// A real sshd on a port of its own at 127.0.0.1, with a home folder of the test's.
final class TestHost {
  let folder: ScratchFolder
  let port: Int
  let run: String
  private let sshd: PipedProcess
  private static let listening = "Server listening on"

  var home: String { "\(self.folder.path)/home" }

  /// - Parameters:
  ///   - options: Lines of sshd_config that come first, and so win; `FOLDER` is the scratch folder.
  ///   - environment: Of the login, besides HOME; sshd reads the first `SetEnv` alone.
  ///   - prepare: Commands run before sshd in a mount namespace of its own; needs root.
  init(options: [String] = [], environment: String = "", prepare: String? = nil) throws {
    let folder = try ScratchFolder()
    self.folder = folder
    self.run = "links-\(UUID().uuidString.prefix(8))"
    if getuid() == 0 { mkdir("/run/sshd", 0o755) }
    mkdir("\(folder.path)/home", 0o700)
    for name in ["host", "other", "user", "stranger"] {
      try TestPrograms.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(folder.path)/\(name)"])
    }
    try TestPrograms.run(["cp", "\(folder.path)/user.pub", "\(folder.path)/authorized_keys"])
    let daemon = [TestPrograms.sshd, "-D", "-e", "-f", "\(folder.path)/sshd_config"]
    var command = daemon
    if let prepare {
      let script = prepare.replacingOccurrences(of: "HOME", with: "\(folder.path)/home")
      command =
        [
          "unshare", "--mount", "--propagation", "private", "sh", "-ec", "\(script)\nexec \"$@\"",
          "sh",
        ] + daemon
    }
    // A port that was free can be taken by the time sshd binds it.
    var attempt = 1
    while true {
      let port = try Self.freePort()
      let lines =
        options.map { $0.replacingOccurrences(of: "FOLDER", with: folder.path) } + [
          "ListenAddress 127.0.0.1", "Port \(port)", "HostKey \(folder.path)/host",
          "AuthorizedKeysFile \(folder.path)/authorized_keys", "StrictModes no", "UsePAM no",
          "PermitRootLogin yes", "PidFile none",
          "SetEnv HOME=\(folder.path)/home \(environment)"
            .replacingOccurrences(of: "FOLDER", with: folder.path),
        ]
      try folder.write(lines.joined(separator: "\n") + "\n", to: "sshd_config")
      let sshd = try PipedProcess.spawn(command)
      close(sshd.input)
      var said = ""
      var isListening = false
      while !isListening {
        let piece = try PlainFile.piece(of: sshd.errors, named: "sshd", sizeMax: 4096)
        if piece.isEmpty { break }
        said += String(decoding: piece, as: UTF8.self)
        isListening = said.contains(Self.listening)
      }
      if isListening {
        (self.port, self.sshd) = (port, sshd)
        break
      }
      _ = sshd.wait(timeoutMilliseconds: 5_000)
      close(sshd.output)
      close(sshd.errors)
      try #require(attempt < 3 && said.contains("in use"), "sshd ended: \(said)")
      attempt += 1
    }
    try folder.write(try Self.knownHosts(folder, "host", self.port), to: "known_hosts")
  }

  /// Puts the agent where a push would have put it.
  func installAgent() throws {
    let agent = try TestPrograms.agent.get()
    let folder = "\(self.home)/.cache/muster/agent/\(agent.sha256)"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try TestPrograms.run(["cp", agent.path, "\(folder)/muster-node"])
  }

  deinit {
    kill(self.sshd.process, SIGTERM)
    _ = self.sshd.wait(timeoutMilliseconds: 5_000)
    close(self.sshd.output)
    close(self.sshd.errors)
  }

  static func knownHosts(_ folder: ScratchFolder, _ name: String, _ port: Int) throws -> String {
    let fields = try String(contentsOfFile: "\(folder.path)/\(name).pub", encoding: .utf8)
      .split(separator: " ")
    return "[127.0.0.1]:\(port) \(fields[0]) \(fields[1])\n"
  }

  /// A port that nobody listens on.
  static func freePort() throws -> Int {
    let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0).wait()
    defer { try? channel.close().wait() }
    return try #require(channel.localAddress?.port)
  }

  func node(
    keys: [String] = ["user"], port: Int? = nil,
    unknownHosts: SSHSpecification.UnknownHosts = .refuse,
    seconds: Int = 20
  ) -> Plan.Node {
    var ssh = SSHSpecification()
    (ssh.host, ssh.port, ssh.user) = ("127.0.0.1", port ?? self.port, NSUserName())
    ssh.identityFiles = keys.map { "\(self.folder.path)/\($0)" }
    ssh.knownHostsFiles = ["\(self.folder.path)/known_hosts"]
    (ssh.unknownHosts, ssh.connectTimeoutSeconds) = (unknownHosts, seconds)
    return Plan.Node(name: "n1", link: .ssh(ssh))
  }
}

/// What tests do with links.
enum TestLinks {
  static func opener() throws -> LinkOpener {
    signal(SIGPIPE, SIG_IGN)
    return LinkOpener(
      group: MultiThreadedEventLoopGroup.singleton, agent: try TestPrograms.agent.get(),
      admission: LinkAdmission(seed: 1))
  }

  /// Opens a link, asks the agent who it is, and ends its daemon.
  static func visit(_ node: Plan.Node, run: String) async throws -> Muster_V1_AttachResponse {
    let link = try await Self.opener().open(node, for: .run(run))
    return try await withGRPCClient(transport: link.transport) { client in
      let agent = Muster_V1_Node.Client(wrapping: client)
      var request = Muster_V1_AttachRequest()
      request.protocolVersion = AgentPreface.protocolVersion
      request.epoch = 1
      request.coordinator = "tester@here:1"
      let response = try await agent.attach(request)
      _ = try await agent.end(Muster_V1_EndRequest())
      return response
    }
  }

  static func error(_ node: Plan.Node, run: String) async throws -> LinkError {
    let opener = try Self.opener()
    do throws(LinkError) {
      _ = try await opener.open(node, for: .run(run))
    } catch {
      return error
    }
    throw TestFailure("the link opened")
  }
}

struct TestFailure: Error {
  var text: String

  init(_ text: String) {
    self.text = text
  }
}
