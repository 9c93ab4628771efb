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
    case .unreachable, .noAnswer, .endedEarly, .cancelled, .ssh(.disconnected, _, _): true
    case .ssh, .nameNotResolved, .connectionRefused, .noUsableKey, .knownHosts,
      .otherArchitecture, .noPlaceForAgent, .noise, .otherProtocol, .agentImage,
      .programNotStarted, .name:
      false
    }
  }
}
