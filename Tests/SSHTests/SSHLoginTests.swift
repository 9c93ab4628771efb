import Fleet
import NIOCore
import Testing

@testable import SSH

@Suite(.enabled(if: TestKeys.hasSSHD, "no /usr/sbin/sshd: install openssh-server"), .serialized)
struct SSHLoginTests {
  private let keys: TestKeys

  init() throws {
    self.keys = try TestKeys.shared.get()
  }

  private func outcome(
    _ configuration: SSHConfiguration, options: [String] = []
  ) throws -> CommandEnd.Outcome? {
    let server = try InetdServer(self.keys, options: options)
    let conversation = try SSHConversation(configuration, with: server)
    #expect(try conversation.run())
    return conversation.ends.first?.outcome
  }

  @Test func `a second key logs in where the first is refused`() throws {
    let outcome = try self.outcome(
      self.keys.configuration("exit 3", keys: ["stranger", "user"]))
    #expect(outcome == .exited(status: 3))
  }

  @Test func `a refused login names the keys, the user and what the server offers`() throws {
    let configuration = try self.keys.configuration("true", keys: ["stranger", "other-host"])
    let outcome = try self.outcome(configuration)
    guard case .lost(.authenticationRefused(let refusal))? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(refusal.user == configuration.user)
    #expect(
      refusal.refusedKeys.map { $0.split(separator: "/").last } == ["stranger", "other-host"])
    #expect(refusal.serverOffers.contains("publickey"))
  }

  @Test func `a server that hangs up after some keys has refused them`() throws {
    let outcome = try self.outcome(
      self.keys.configuration("true", keys: ["stranger", "other-host", "user"]),
      options: ["MaxAuthTries=1"])
    guard case .lost(.authenticationRefused(let refusal))? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(!refusal.refusedKeys.isEmpty)
  }

  @Test func `a changed host key is an error with its place`() throws {
    for policy in [SSHSpecification.UnknownHosts.refuse, .acceptNew] {
      let outcome = try self.outcome(
        self.keys.configuration("true", known: ["other-host"], unknownHosts: policy))
      guard case .lost(.hostKeyChanged(_, let presented, let known))? = outcome else {
        Issue.record("\(String(describing: outcome))")
        return
      }
      #expect(presented == (try self.keys.hostKey("host")))
      #expect(known.key == (try self.keys.hostKey("other-host")))
      #expect(known.place.description == "known_hosts:1")
      let printed = try TestKeys.run("ssh-keygen", ["-l", "-f", "\(self.keys.folder)/host.pub"])
      #expect(printed.contains(presented.fingerprint))
    }
  }

  @Test func `an unknown host is refused, or accepted and told`() throws {
    let refused = try self.outcome(self.keys.configuration("true", known: []))
    guard case .lost(.hostKeyUnknown(_, let known))? = refused else {
      Issue.record("\(String(describing: refused))")
      return
    }
    #expect(known.trusted.isEmpty)
    let server = try InetdServer(self.keys)
    let conversation = try SSHConversation(
      self.keys.configuration("true", known: [], unknownHosts: .acceptNew),
      with: server)
    conversation.saved.succeed()
    #expect(try conversation.run())
    let opening = try #require(conversation.openings.first).get()
    #expect(opening == (try self.keys.hostKey("host")))
  }

  @Test func `nobody logs in before an accepted key is saved`() throws {
    let fault = SSHError.hostKeyNotSaved(file: "known_hosts", detail: "No space left on device")
    let server = try InetdServer(self.keys)
    let conversation = try SSHConversation(
      self.keys.configuration("exit 4", known: [], unknownHosts: .acceptNew), with: server)
    // The server waits for the login in vain.
    conversation.patience = 2_000
    #expect(try !conversation.run() && conversation.ends.isEmpty && !conversation.isOpen)
    conversation.saved.succeed()
    #expect(try conversation.run())
    #expect(conversation.ends.map(\.outcome) == [.exited(status: 4)])
    let other = try InetdServer(self.keys)
    let refused = try SSHConversation(
      self.keys.configuration("true", known: [], unknownHosts: .acceptNew), with: other)
    refused.saved.fail(fault)
    #expect(try refused.run())
    #expect(refused.ends.map(\.outcome) == [.lost(fault)])
  }

  @Test func `a key exchange with SHA-1 is not offered`() throws {
    let outcome = try self.outcome(
      self.keys.configuration("true"), options: ["KexAlgorithms=diffie-hellman-group14-sha1"])
    guard case .lost(.noCommonAlgorithm)? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    for algorithm in ["curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"] {
      #expect(
        try self.outcome(
          self.keys.configuration("exit 3"), options: ["KexAlgorithms=\(algorithm)"])
          == .exited(status: 3))
    }
  }

  @Test func `a host known by another kind of key alone is asked for that kind`() throws {
    // The server has ed25519 only: there is nothing in common, and nothing is accepted instead.
    let outcome = try self.outcome(
      self.keys.configuration("true", known: ["ecdsa-host"], unknownHosts: .acceptNew))
    guard case .lost(.noCommonAlgorithm(let algorithms, _))? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(algorithms == ["ecdsa-sha2-nistp256"])
    let both = try self.outcome(
      self.keys.configuration("exit 5", known: ["ecdsa-host"]),
      options: ["HostKey=\(self.keys.folder)/ecdsa-host"])
    #expect(both == .exited(status: 5))
  }

  @Test func `a server without session channels refuses the command`() throws {
    let outcome = try self.outcome(
      self.keys.configuration("true"), options: ["MaxSessions=0"])
    guard case .lost(.commandRefused)? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
  }
}
