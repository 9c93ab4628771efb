/// How large what a coordinator and an agent tell each other may be: the same on both sides. Either is
/// authenticated, and not trusted with the other's memory.
package enum AgentMessages {
  /// Of a run, in canonical JSON: that of 4,096 nodes with one service has some 11 MiB.
  package static let planSizeMax = 32 << 20
  /// One message: a plan and what goes with it; the states of all replicas of a node; a page.
  package static let sizeMax = 40 << 20
  /// A piece of what is larger than a message need be.
  package static let chunkSizeMax = 256 << 10
  /// What somebody is to read: a reason, a line of a log.
  package static let textSizeMax = 4096
  /// The name of a coordinator or of a host.
  package static let nameSizeMax = 256
  /// Lines of words in one answer.
  package static let lineCountMax = 256
}
