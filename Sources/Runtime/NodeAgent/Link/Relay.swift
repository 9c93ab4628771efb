import Fleet
import Glibc

/// Joins standard input and output to the daemon's socket, until either side has closed.
///
/// A loop over `poll` and two buffers: `connect` does nothing else, and starts on every node each time
/// a link is made.
package struct Relay: ~Copyable {
  private var toDaemon: RelayDirection
  private var fromDaemon: RelayDirection

  /// Takes ownership of the three descriptors. Nothing of the preface is written before all is ready
  /// for the bytes that follow it.
  package static func run(input: CInt, output: CInt, socket: CInt) throws(NodeAgentError) {
    for descriptor in [input, output, socket] {
      let flags = fcntl(descriptor, F_GETFL)
      _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    }
    var relay = Relay(
      toDaemon: RelayDirection(from: input, to: socket, toSocket: true, first: []),
      fromDaemon: RelayDirection(
        from: socket, to: output, toSocket: false, first: Array(AgentPreface.line.utf8)))
    while try relay.step() {}
    for descriptor in [input, output, socket] { close(descriptor) }
  }

  /// Waits until a descriptor is ready, and moves what can be moved.
  ///
  /// - Returns: False when there is nothing left to do: either side is gone, or both have ended.
  private mutating func step() throws(NodeAgentError) -> Bool {
    if self.toDaemon.isDone && self.fromDaemon.isDone { return false }
    // What the daemon sends has nowhere to go, or will never come again: the link is over.
    if self.fromDaemon.isDone { return false }
    var descriptors = [
      self.toDaemon.readPoll, self.toDaemon.writePoll,
      self.fromDaemon.readPoll, self.fromDaemon.writePoll,
    ]
    try NodeAgentError.check("poll") { poll(&descriptors, nfds_t(descriptors.count), -1) }
    try self.toDaemon.move(readable: descriptors[0].revents, writable: descriptors[1].revents)
    try self.fromDaemon.move(readable: descriptors[2].revents, writable: descriptors[3].revents)
    return true
  }
}
