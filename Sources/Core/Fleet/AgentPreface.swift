/// What the program on a node writes before anything else, so that whatever a login shell prints can
/// be told from the pipe that follows.
package enum AgentPreface {
  /// Of the messages in node.proto; both ends must have the same.
  package static let protocolVersion: UInt32 = 4

  /// The whole line, with its line feed; HTTP/2 begins with the next byte.
  package static let line = "muster-node 1\n"

  /// Instead of it, where no daemon of the run is there.
  package static let restingLine = "muster-resting\n"
}
