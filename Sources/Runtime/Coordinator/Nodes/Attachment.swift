import Fleet
import NodeAPI

/// Who attaches to a run's agents, and with what.
package struct Attachment: Sendable {
  package enum Claim: Equatable, Sendable {
    /// Looks only; takes nothing over.
    case observe
    /// Holds the run from now on. Milliseconds since 1970 at this coordinator's start: agents refuse
    /// one that is older than the one that holds them.
    case hold(epoch: UInt64)
  }

  package var claim: Claim
  /// Takes nothing over from a coordinator that is at work.
  package var yields = false
  /// For people: user@host and process id.
  package var coordinator: String
  /// The plan in canonical JSON; empty to leave the agent's as it is.
  package var plan: [UInt8]
  /// Values by name. They go to the agents' memory and nowhere else.
  package var secrets: [String: String]

  package init(
    claim: Claim, coordinator: String, plan: [UInt8] = [], secrets: [String: String] = [:]
  ) {
    self.claim = claim
    self.coordinator = coordinator
    self.plan = plan
    self.secrets = secrets
  }
}
