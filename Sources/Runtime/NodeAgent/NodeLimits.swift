import Fleet

/// The written maxima of what an agent accepts: whoever calls it is authenticated, not trusted with
/// the node's memory.
package enum NodeLimits {
  /// One message.
  package static let messageSizeMax = AgentMessages.sizeMax
  /// The plan within it.
  package static let planSizeMax = AgentMessages.planSizeMax
  /// Secrets of one run, and the size of each value.
  package static let secretCountMax = 256
  package static let secretSizeMax = 64 << 10
  /// Name of a coordinator, for people.
  package static let coordinatorNameSizeMax = AgentMessages.nameSizeMax
  /// Links at once, each a coordinator or an observer.
  package static let linkCountMax = 64
  /// Replicas of one node, over the life of a run.
  package static let replicaCountMax = 256
  /// Endpoints that one call may have scraped.
  package static let scrapeTargetCountMax = 4096
  /// Lines of a log that one call may ask for from its end.
  package static let logLineCountMax = 100_000
  /// Bytes of a log that are searched for them.
  package static let logTailSizeMax = 8 << 20
  /// One message of a log: well below what a peer accepts, large enough to be cheap.
  package static let logChunkSizeMax = AgentMessages.chunkSizeMax
}
