package import Fleet
package import GRPCCore
package import NodeAPI
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

/// A stream of work as a call of `Node.Work`.
package struct GRPCWorkLink: WorkLink {
  package typealias Reports = AsyncThrowingMapSequence<
    RPCAsyncSequence<Muster_V1_WorkReport, any Error>, LeaseReport
  >

  package let reports: Reports
  private let orders: AsyncStream<LeaseOrder>.Continuation

  /// Opens the call, passes the stream to `body`, and ends it when that returns.
  static func with<Transport: ClientTransport>(
    _ client: GRPCClient<Transport>,
    _ body: @escaping @Sendable (GRPCWorkLink) async throws -> Void
  ) async throws {
    // Not more than the leases a node holds, and acknowledgements, which are joined.
    let (orders, continuation) = AsyncStream<LeaseOrder>.makeStream()
    try await Muster_V1_Node.Client(wrapping: client).work { writer in
      for await order in orders { try await writer.write(Muster_V1_WorkOrder(order)) }
    } onResponse: { response in
      defer { continuation.finish() }
      let reports = response.messages.map { message in
        guard let report = LeaseReport(message) else {
          throw WorkFault.wrong("a report that this coordinator does not know")
        }
        return report
      }
      try await body(GRPCWorkLink(reports: reports, orders: continuation))
    }
  }

  private init(reports: Reports, orders: AsyncStream<LeaseOrder>.Continuation) {
    self.reports = reports
    self.orders = orders
  }

  package func send(_ order: LeaseOrder) async throws {
    self.orders.yield(order)
  }
}
