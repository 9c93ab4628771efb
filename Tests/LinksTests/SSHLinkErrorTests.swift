import Fleet
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Plan
import SSH
import Testing

@testable import Links

@Suite(
  .enabled(if: TestPrograms.hasSSHD, "no /usr/sbin/sshd: install openssh-server"), .serialized)
struct SSHLinkErrorTests {
  @Test func `a changed host key names both fingerprints and the line`() async throws {
    let host = try TestHost()
    try host.folder.write(
      "# a comment\n" + TestHost.knownHosts(host.folder, "other", host.port), to: "known_hosts")
    for policy in [SSHSpecification.UnknownHosts.refuse, .acceptNew] {
      let error = try await TestLinks.error(host.node(unknownHosts: policy), run: host.run)
      guard case .ssh(.hostKeyChanged(_, let presented, let known), _, _) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(known.place.line == 2)
      let text = error.diagnostic.rendered()
      #expect(text.contains("known_hosts:2"))
      #expect(text.contains(presented.fingerprint))
      #expect(text.contains(known.key.fingerprint))
      #expect(text.hasPrefix("error: the host key of [127.0.0.1]:"))
    }
  }

  @Test func `a revoked host key is an error with its line`() async throws {
    let host = try TestHost()
    let line = try TestHost.knownHosts(host.folder, "host", host.port)
    try host.folder.write("\(line)@revoked \(line)", to: "known_hosts")
    let error = try await TestLinks.error(host.node(), run: host.run)
    guard case .ssh(.hostKeyRevoked(_, _, let place), _, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(place.line == 2)
  }

  @Test func `an unknown host is refused, and known once it was accepted`() async throws {
    let host = try TestHost()
    try host.installAgent()
    try host.folder.write("other ssh-ed25519 AAAA", to: "known_hosts")
    let error = try await TestLinks.error(host.node(), run: host.run)
    guard case .ssh(.hostKeyUnknown, _, _) = error else {
      Issue.record("\(error)")
      return
    }
    let text = error.diagnostic.rendered()
    #expect(text.contains("known_hosts:1 is passed over: the key is not Base64 of a public key"))
    _ = try await TestLinks.visit(host.node(unknownHosts: .acceptNew), run: host.run)
    let lines = try String(contentsOfFile: "\(host.folder.path)/known_hosts", encoding: .utf8)
    #expect(
      lines
        == (try "other ssh-ed25519 AAAA\n" + TestHost.knownHosts(host.folder, "host", host.port))
    )
    _ = try await TestLinks.visit(host.node(), run: host.run)
  }

  @Test func `a refused key is an error that names it`() async throws {
    let host = try TestHost()
    let error = try await TestLinks.error(
      host.node(keys: ["missing", "stranger"]), run: host.run)
    guard case .ssh(.authenticationRefused(let refusal), _, let unusable) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(refusal.refusedKeys == ["\(host.folder.path)/stranger"])
    #expect(unusable.map(\.fault) == [.unreadable("No such file or directory")])
    let text = error.diagnostic.rendered()
    #expect(text.contains("the server offers: publickey"))
    #expect(text.contains("missing: No such file or directory"))
  }

  @Test func `an RSA key alone is an error of its own on libssh2 1_10`() async throws {
    guard LibSSH2Session.libraryVersion.hasPrefix("1.10") else {
      print("skipped: libssh2 \(LibSSH2Session.libraryVersion) takes RSA keys")
      return
    }
    let host = try TestHost()
    try TestPrograms.run(
      ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "\(host.folder.path)/rsa"])
    let error = try await TestLinks.error(host.node(keys: ["rsa"]), run: host.run)
    let diagnostic = error.diagnostic
    #expect(diagnostic.code == "rsa-key-unsupported")
    #expect(diagnostic.rendered().contains("`ssh-keygen -t ed25519`"))
    // Another key beside it is used.
    try host.installAgent()
    _ = try await TestLinks.visit(host.node(keys: ["rsa", "user"]), run: host.run)
  }

  @Test func `a key with a passphrase is an error of its own`() async throws {
    let host = try TestHost()
    try TestPrograms.run(
      ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", "\(host.folder.path)/locked"])
    let error = try await TestLinks.error(host.node(keys: ["locked"]), run: host.run)
    #expect(error.diagnostic.code == "no-usable-key")
    #expect(error.diagnostic.rendered().contains("passphrase"))
  }

  @Test func `a closed port is an error of its own`() async throws {
    let host = try TestHost()
    let port = try TestHost.freePort()
    let error = try await TestLinks.error(host.node(port: port), run: host.run)
    #expect(error == .connectionRefused(address: "127.0.0.1:\(port)"))
  }

  @Test func `a name that does not exist is an error of its own`() async throws {
    let host = try TestHost()
    var node = host.node()
    guard case .ssh(var ssh) = node.link else { return }
    // The C library refuses it by itself: no name server is asked.
    ssh.host = "no such host"
    node.link = .ssh(ssh)
    let error = try await TestLinks.error(node, run: host.run)
    guard case .nameNotResolved("no such host", _) = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func `a host that never answers is given up within its limit`() async throws {
    let host = try TestHost()
    let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(silent.localAddress?.port)
    let clock = ContinuousClock()
    let start = clock.now
    let error = try await TestLinks.error(host.node(port: port, seconds: 1), run: host.run)
    #expect(
      error == .noAnswer(address: "127.0.0.1:\(port)", during: .ssh(.greeting), seconds: 1))
    #expect(clock.now - start < .seconds(5))
    try await silent.close()
  }

  @Test func `names that could leave a folder are refused`() async throws {
    let host = try TestHost()
    for name in ["..", "a/b", "a b", "", "$(id)", String(repeating: "x", count: 65)] {
      var node = host.node()
      node.name = name
      #expect(try await TestLinks.error(node, run: host.run) == .name(name))
    }
  }
}

struct LinkErrorTests {
  private static func ssh(_ error: SSHError) -> LinkError {
    .ssh(error, address: "a:22", unusable: [])
  }

  /// Which errors may pass by themselves: what was connected, and broke, is tried again.
  @Test func `an error of the network may pass, one of what was agreed may not`() throws {
    let phases: [SSHPhase] = [.greeting, .handshake, .authentication, .channel, .command, .open]
    let passing =
      [
        .unreachable(address: "a:22", detail: "no route"), .cancelled, .noDaemon,
        .noAnswer(address: "a:22", during: .connection, seconds: 10),
        .endedEarly(.exited(status: 1), standardError: "", noise: ""),
      ] + phases.map { Self.ssh(.disconnected(during: $0, detail: "reset")) }
    for error in passing { #expect(error.mayPass, "\(error)") }
    let blob: [UInt8] = [0, 0, 0, 11] + Array("ssh-ed25519".utf8)
    let key = try #require(SSHHostKey(blob: blob))
    let known = KnownHostKeys(name: "a")
    let lasting: [LinkError] = [
      .nameNotResolved(host: "a", detail: ""), .connectionRefused(address: "a:22"),
      .noUsableKey(user: "u", unusable: []), .knownHosts(file: "f", detail: ""),
      .otherArchitecture(system: "Linux", architecture: "a", image: "b"), .noPlaceForAgent([]),
      .noise("x"), .otherProtocol(line: "x"), .agentImage("x"), .name("x"),
      .programNotStarted(program: "srun", detail: ""),
      Self.ssh(.hostKeyUnknown(presented: key, known: known)),
      Self.ssh(.windowExceeded),
      Self.ssh(.noCommonAlgorithm(hostKeyAlgorithms: [], detail: "")),
      Self.ssh(.flooded(during: .handshake)), Self.ssh(.commandRefused(detail: "")),
    ]
    for error in lasting { #expect(!error.mayPass, "\(error)") }
  }
}
