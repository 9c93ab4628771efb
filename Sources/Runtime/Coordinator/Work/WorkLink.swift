package import Fleet
package import Rollouts

/// One stream of work to one node.
package protocol WorkLink: Sendable {
  associatedtype Reports: AsyncSequence & Sendable where Reports.Element == LeaseReport

  /// What the node says, in order; ends or throws when the stream ends. Iterated once.
  var reports: Reports { get }

  /// Sends an order after those sent before. May return before it has left.
  func send(_ order: LeaseOrder) async throws
}

/// Opens streams of work to nodes.
package protocol WorkConnector: Sendable {
  associatedtype Link: WorkLink

  /// Opens a stream, passes it to `body` and closes it when that returns: without an error when all
  /// the work is on disk. Opening has a deadline.
  func withLink(to node: NodeName, _ body: @escaping @Sendable (Link) async throws -> Void)
    async throws
}
