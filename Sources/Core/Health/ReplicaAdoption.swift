/// Where an earlier supervisor left a replica.
package enum ReplicaAdoption: Equatable, Sendable {
  /// Launched, and not ready yet.
  case coming
  /// Ready; unproven if nothing was probed.
  case ready(isUnproven: Bool)
  /// Being stopped.
  case stopping
  /// Failed, with the reason; something of it may be left.
  case failed(reason: String)
}
