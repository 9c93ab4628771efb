import Coordinator
import Fleet
package import Health
package import Launch

/// What a person should do next about a subject: one command, and why.
package struct NextStep: Equatable, Sendable {
  package var command: String
  package var reason: String

  /// The present state of one replica.
  package struct Present: Equatable, Sendable {
    package var key: ReplicaKey
    package var node: String
    /// `nil`: not started, or its node does not answer.
    package var state: ReplicaPhase?

    package init(key: ReplicaKey, node: String, state: ReplicaPhase?) {
      self.key = key
      self.node = node
      self.state = state
    }
  }

  /// - Parameters:
  ///   - manifest: As the user named it.
  ///   - isOver: The run has ended; nothing of it is on the nodes.
  ///   - unreachable: Nodes that did not answer just now.
  ///   - chain: For hardware errors.
  package init(
    manifest: String, isOver: Bool, replicas: [Present], unreachable: [String], chain: EventChain
  ) {
    let file = ShellQuoting.quote(manifest)
    func first(_ states: ReplicaPhase...) -> Present? {
      replicas.first { $0.state.map(states.contains) ?? false }
    }
    if isOver {
      self.init("muster up \(file)", "the run has ended, and nothing of it is left")
    } else if !unreachable.isEmpty {
      let nodes = NodeSet(unreachable.map { NodeName($0) }).folded
      self.init("muster check --nodes \(file)", "\(nodes) does not answer; its last word stands")
    } else if chain.events.contains(where: { $0.what == "xid" }) {
      self.init("muster check --nodes \(file)", "a GPU's driver has told of an error")
    } else if let replica = first(.failed) {
      self.init("muster logs \(file) \(replica.key) -n 200", "`\(replica.key)` has failed")
    } else if let replica = first(.stalled) {
      self.init(
        "muster logs \(file) \(replica.key) -n 200",
        "`\(replica.key)` makes no progress; `muster down \(file)` stops it all the same")
    } else if let replica = first(.waiting, .starting, .loading, .canary, .backoff, .draining) {
      self.init("muster attach \(file)", "`\(replica.key)` is on its way")
    } else if first(.stopping) != nil {
      self.init("muster down \(file)", "it stops; this waits for it, and proves that it is gone")
    } else if let replica = replicas.first(where: { $0.state == nil }) {
      self.init("muster up \(file)", "`\(replica.key)` was not started")
    } else {
      self.init("muster status \(file)", "nothing is wrong here now")
    }
  }

  private init(_ command: String, _ reason: String) {
    self.command = command
    self.reason = reason
  }
}
