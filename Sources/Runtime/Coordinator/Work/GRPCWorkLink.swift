package import GRPCCore
package import NodeAPI
package import Rollouts

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

  package func send(_ order: LeaseOrder) async throws {
    self.orders.yield(order)
  }
}
