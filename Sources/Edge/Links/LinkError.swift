package import Fleet
package import SSH

/// Why there is no link to a node.
package enum LinkError: Error, Equatable, Sendable {
  /// What was waited for when the time was over.
  package enum Phase: Equatable, Sendable {
    /// The host's name, or a TCP connection.
    case connection
    case ssh(SSHPhase)
    /// The agent's first line.
    case agent
    case upload
  }

  case nameNotResolved(host: String, detail: String)
  case connectionRefused(address: String)
  /// No route, no network.
  case unreachable(address: String, detail: String)
  case noAnswer(address: String, during: Phase, seconds: Int)
  /// No key file can be tried.
  case noUsableKey(user: String, unusable: [SSHRefusal.Unusable])
  /// `unusable` are key files that were not tried.
  case ssh(SSHError, address: String, unusable: [SSHRefusal.Unusable])
  /// A known_hosts file cannot be read or written.
  case knownHosts(file: String, detail: String)
  /// As `uname` says it, and as the image needs it.
  case otherArchitecture(system: String, architecture: String, image: String)
  /// No folder on the node can hold the agent.
  case noPlaceForAgent([AgentPlaceFault])
  /// The login shell, or the agent, ended before the agent's first line.
  case endedEarly(CommandEnd.Outcome, standardError: String, noise: String)
  /// The login shell printed more than is read past.
  case noise(String)
  /// No daemon of the run is there, and an observer starts none.
  case noDaemon
  /// The agent there speaks another version.
  case otherProtocol(line: String)
  /// The agent's program on this machine cannot be used.
  case agentImage(String)
  /// The child process of a local link or a command was not started.
  case programNotStarted(program: String, detail: String)
  /// The run's or the node's name cannot stand in a path.
  case name(String)
  case cancelled

  /// Whether trying again may help: the network may come back, a host may start.
  package var mayPass: Bool {
    switch self {
    case .unreachable, .noAnswer, .endedEarly, .noDaemon, .cancelled, .ssh(.disconnected, _, _):
      true
    case .ssh, .nameNotResolved, .connectionRefused, .noUsableKey, .knownHosts,
      .otherArchitecture, .noPlaceForAgent, .noise, .otherProtocol, .agentImage,
      .programNotStarted, .name:
      false
    }
  }
}

extension LinkError {
  /// As many nodes have it in common: without the address of one.
  package var common: Self {
    let address = "the node's address"
    return switch self {
    case .nameNotResolved(_, let detail): .nameNotResolved(host: "ssh.host", detail: detail)
    case .connectionRefused: .connectionRefused(address: address)
    case .unreachable(_, let detail): .unreachable(address: address, detail: detail)
    case .noAnswer(_, let phase, let seconds):
      .noAnswer(address: address, during: phase, seconds: seconds)
    case .ssh(let error, _, let unusable): .ssh(error, address: address, unusable: unusable)
    case .noUsableKey, .knownHosts, .otherArchitecture, .noPlaceForAgent, .endedEarly, .noise,
      .noDaemon, .otherProtocol, .agentImage, .programNotStarted, .name, .cancelled:
      self
    }
  }

  /// For people; without the node's name.
  package var diagnostic: Diagnostic {
    switch self {
    case .nameNotResolved(let host, let detail):
      Diagnostic(
        code: "name-not-resolved", "the name `\(host)` is not known", causes: [detail],
        hints: ["set `ssh.host` of the node to a name or address that is"])
    case .connectionRefused(let address):
      Diagnostic(
        code: "connection-refused", "nothing listens on \(address)",
        hints: ["see that sshd runs there, and that `ssh.port` is right"])
    case .unreachable(let address, let detail):
      Diagnostic(code: "unreachable", "\(address) cannot be reached", causes: [detail])
    case .noAnswer(let address, let phase, let seconds):
      Diagnostic(
        code: "no-answer", "no answer from \(address) within \(seconds) s",
        causes: ["waited for \(phase.awaited)"],
        hints: ["`ssh.connect_timeout` is how long it may take"] + phase.hints)
    case .noUsableKey(let user, let unusable):
      Diagnostic(
        code: !unusable.isEmpty && unusable.allSatisfy(Self.isRSA)
          ? "rsa-key-unsupported" : "no-usable-key",
        "no key can be tried to log in as `\(user)`", causes: unusable.map(Self.text),
        hints: Self.hints(unusable))
    case .ssh(let error, let address, let unusable):
      Self.diagnostic(error, address: address, unusable)
    case .knownHosts(let file, let detail):
      Diagnostic(code: "known-hosts", "`\(file)`: \(detail)")
    case .otherArchitecture(let system, let architecture, let image):
      Diagnostic(
        code: "other-architecture",
        "the node is \(system) \(architecture), and muster-node is for Linux \(image)",
        hints: ["build muster-node on a machine like the node"])
    case .noPlaceForAgent(let faults):
      Diagnostic(
        code: "no-place-for-agent", "no folder can hold muster-node",
        causes: faults.map { fault in
          let detail = fault.detail.isEmpty ? "" : " (\(fault.detail.printable))"
          return "\(fault.place): \(fault.reason)\(detail)"
        },
        hints: ["free some space, or mount one of them writable and without `noexec`"])
    case .endedEarly(let outcome, let standardError, let noise):
      Diagnostic(
        code: "agent-ended", "the login shell or muster-node \(outcome.ending)",
        causes: [("standard error", standardError), ("standard output", noise)]
          .filter { !$0.1.isEmpty }.map { "\($0.0): \($0.1.printable)" },
        hints: [
          "open the same link by hand (`ssh HOST exec sh`, or the link's own `command`): its shell must "
            + "read commands and print nothing else"
        ])
    case .noise(let noise):
      Diagnostic(
        code: "shell-prints", "the login shell prints without end",
        causes: ["it begins or ends with: \(noise.printable)"],
        hints: ["let its start-up files print only where `test -t 1` succeeds"])
    case .noDaemon:
      Diagnostic(
        code: "no-agent", "no agent of this run is there",
        hints: ["`muster status MANIFEST` starts one, which finds what still runs"])
    case .otherProtocol(let line):
      Diagnostic(
        code: "other-protocol",
        "the agent says `\(line.printable)`, not `\(AgentPreface.line.dropLast())`",
        hints: ["install `muster` and `muster-node` of one version"])
    case .agentImage(let detail):
      Diagnostic(code: "agent-image", detail, hints: ["build it with `scripts/install`"])
    case .programNotStarted(let program, let detail):
      Diagnostic(code: "program-not-started", "cannot start `\(program)`: \(detail)")
    case .name(let name):
      Diagnostic(
        code: "bad-name", "`\(name)` cannot be a run's or a node's name",
        hints: ["use 1 to 64 of A-Z a-z 0-9 . _ -"])
    case .cancelled: Diagnostic(code: "cancelled", "given up before the link was open")
    }
  }

  private static func diagnostic(
    _ error: SSHError, address: String, _ unusable: [SSHRefusal.Unusable]
  ) -> Diagnostic {
    switch error {
    case .disconnected(let phase, let detail):
      return Diagnostic(
        code: "disconnected", "\(address) ended the connection during \(phase.rawValue)",
        causes: [detail.printable])
    case .noCommonAlgorithm(let algorithms, let detail):
      return Diagnostic(
        code: "no-common-algorithm", "no algorithm suits both \(address) and libssh2",
        causes: ["host keys asked for: \(algorithms.joined(separator: ", "))", detail.printable],
        hints: ["if the server has other host keys now, compare one and add it to known_hosts"])
    case .hostKeyUnknown(let presented, let known):
      return Diagnostic(
        code: "host-key-unknown", "the host key of \(known.name) is not known",
        causes: ["it presents \(presented.algorithm) \(presented.fingerprint)"]
          + known.trusted.map { "\($0.place) has a key of another kind, \($0.key.algorithm)" }
          + known.certificateAuthorities.map {
            "\($0.place) has an authority's key: host certificates are not checked"
          } + known.unreadLines.map { "\($0.place) is passed over: \($0.reason)" },
        hints: [
          "compare the fingerprint, then add the key to known_hosts (`ssh-keyscan` prints it), or "
            + "set `unknown_hosts: accept-new`"
        ])
    case .hostKeyChanged(let name, let presented, let known):
      return Diagnostic(
        code: "host-key-changed", "the host key of \(name) has CHANGED",
        causes: [
          "known, \(known.place): \(known.key.algorithm) \(known.key.fingerprint)",
          "presented: \(presented.algorithm) \(presented.fingerprint)",
        ],
        hints: [
          "someone may be in between; if the host was set up anew, remove the line with "
            + "`ssh-keygen -R '\(name)' -f \(ShellQuoting.quote(known.place.file))`"
        ])
    case .hostKeyRevoked(let name, let presented, let place):
      return Diagnostic(
        code: "host-key-revoked", "the host key of \(name) is revoked",
        causes: ["\(place): @revoked \(presented.algorithm) \(presented.fingerprint)"])
    case .authenticationRefused(let refusal):
      return Self.diagnostic(refusal, address: address, unusable)
    case .commandRefused(let detail):
      return Diagnostic(
        code: "command-refused", "\(address) runs no command for this user",
        causes: [detail.printable], hints: ["see `ForceCommand` and `MaxSessions` of its sshd"])
    case .timedOut(let phase):
      return Diagnostic(
        code: "no-answer", "no answer from \(address) in time",
        causes: ["waited for \(Phase.ssh(phase).awaited)"])
    case .windowExceeded:
      return Diagnostic(
        code: "protocol-error", "\(address) sent more than its window allows")
    case .flooded(let phase):
      return Diagnostic(
        code: "protocol-error", "\(address) sends without end during \(phase.rawValue)")
    case .hostKeyNotSaved(let file, let detail):
      return Diagnostic(code: "known-hosts", "`\(file)`: \(detail)")
    case .libraryUnavailable:
      return Diagnostic(code: "libssh2", "libssh2 does not start on this machine")
    }
  }

  private static func diagnostic(
    _ refusal: SSHRefusal, address: String, _ unusable: [SSHRefusal.Unusable]
  ) -> Diagnostic {
    let untried = unusable + refusal.unusableKeys
    var causes = refusal.refusedKeys.map { "refused: \($0)" } + untried.map(Self.text)
    if !refusal.serverOffers.isEmpty {
      causes.append("the server offers: \(refusal.serverOffers.joined(separator: ", ").printable)")
    }
    return Diagnostic(
      code: "authentication-refused",
      "\(address) lets `\(refusal.user)` in with none of the keys", causes: causes,
      hints: ["add the public key to the user's `~/.ssh/authorized_keys` there"]
        + Self.hints(untried))
  }

  private static func isRSA(_ unusable: SSHRefusal.Unusable) -> Bool {
    if case .rsaNeedsSHA2 = unusable.fault { true } else { false }
  }

  private static func text(_ unusable: SSHRefusal.Unusable) -> String {
    let reason =
      switch unusable.fault {
      case .unreadable(let detail): detail
      case .encrypted: "it has a passphrase, which cannot be asked for here"
      case .rsaNeedsSHA2(let version):
        "an RSA key: libssh2 \(version) signs those with SHA-1 only, which servers refuse"
      case .notAPrivateKey: "not a private key in OpenSSH's or PEM's form"
      case .unsupported(let detail): detail
      }
    return "not tried: \(unusable.file): \(reason)"
  }

  private static func hints(_ unusable: [SSHRefusal.Unusable]) -> [String] {
    var hints: [String] = []
    if unusable.contains(where: Self.isRSA) {
      hints.append("make another key with `ssh-keygen -t ed25519` and add it on the nodes")
    }
    if unusable.contains(where: { $0.fault == .encrypted }) {
      hints.append("make a key without passphrase with `ssh-keygen -t ed25519 -N ''`")
    }
    return hints
  }
}

extension LinkError.Phase {
  /// Reads after "waited for".
  fileprivate var awaited: String {
    switch self {
    case .connection: "the TCP connection"
    case .ssh(.greeting): "the server to say that it speaks SSH"
    case .ssh(.handshake): "the key exchange"
    case .ssh(.authentication): "the login"
    case .ssh(.channel), .ssh(.command), .ssh(.open): "the command to be run"
    case .agent: "the first line of muster-node"
    case .upload: "the upload of muster-node"
    }
  }

  fileprivate var hints: [String] {
    guard self == .agent else { return [] }
    return ["a login that is slow may be its shell's: `~/.bashrc` and the like run first"]
  }
}

extension CommandEnd.Outcome {
  /// Reads after the name of the program.
  fileprivate var ending: String {
    switch self {
    case .exited(let status): "ended with status \(status)"
    case .signalled(let name): "was ended by \(name)"
    case .abandoned: "was cut off"
    case .lost: "was lost with the connection"
    }
  }
}

extension String {
  /// In one line of printable characters, cut to 300: it comes from a node.
  fileprivate var printable: String {
    let text = self.unicodeScalars.map { scalar in
      scalar.properties.generalCategory == .control ? " " : String(Character(scalar))
    }
    return String(
      text.joined().split(separator: " ").joined(separator: " ").suffix(300))
  }
}
