package import Fleet
package import GRPCCore
package import NodeAPI
package import Rollouts

/// A stream of work as a call of `Node.Work`.
package struct GRPCWorkLink: WorkLink {
  package let reports: GRPCWorkReports
  private let orders: AsyncStream<LeaseOrder>.Continuation

  /// Opens the call, passes the stream to `body`, and ends it when that returns.
  package static func with<Transport: ClientTransport>(
    _ client: GRPCClient<Transport>,
    _ body: @escaping @Sendable (GRPCWorkLink) async throws -> Void
  ) async throws {
    // Not more than the leases a node holds, and acknowledgements, which are joined.
    let (orders, continuation) = AsyncStream<LeaseOrder>.makeStream()
    try await Muster_V1_Node.Client(wrapping: client).work { writer in
      for await order in orders { try await writer.write(Muster_V1_WorkOrder(order)) }
    } onResponse: { response in
      defer { continuation.finish() }
      try await body(
        GRPCWorkLink(reports: GRPCWorkReports(response.messages), orders: continuation))
    }
  }

  private init(reports: GRPCWorkReports, orders: AsyncStream<LeaseOrder>.Continuation) {
    self.reports = reports
    self.orders = orders
  }

  package func send(_ order: LeaseOrder) async throws {
    self.orders.yield(order)
  }
}

/// Opens streams of work over links that others open and keep.
package struct GRPCWorkConnector<Transport: ClientTransport>: WorkConnector {
  package typealias Body = @Sendable (GRPCClient<Transport>) async throws -> Void
  private let withClient: @Sendable (NodeName, @escaping Body) async throws -> Void

  /// - Parameter withClient: Passes the node's client, attached, to the closure; has a deadline for
  ///   connecting, and throws what was wrong with the link rather than what a call said of it.
  package init(withClient: @escaping @Sendable (NodeName, @escaping Body) async throws -> Void) {
    self.withClient = withClient
  }

  package func withLink(
    to node: NodeName, _ body: @escaping @Sendable (GRPCWorkLink) async throws -> Void
  ) async throws {
    try await self.withClient(node) { client in try await GRPCWorkLink.with(client, body) }
  }
}

/// Reports as they come over the wire.
package struct GRPCWorkReports: AsyncSequence, Sendable {
  package typealias Element = LeaseReport
  package typealias Messages = RPCAsyncSequence<Muster_V1_WorkReport, any Error>

  private let messages: Messages

  init(_ messages: Messages) {
    self.messages = messages
  }

  package func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(base: self.messages.makeAsyncIterator())
  }

  package struct AsyncIterator: AsyncIteratorProtocol {
    var base: Messages.AsyncIterator

    package mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(any Error) -> LeaseReport? {
      guard let message = try await self.base.next(isolation: actor) else { return nil }
      guard let report = LeaseReport(message) else {
        throw WorkFault.wrong("a report that this coordinator does not know")
      }
      return report
    }
  }
}
