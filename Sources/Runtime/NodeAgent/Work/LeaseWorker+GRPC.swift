package import GRPCCore
package import NodeAPI
import Rollouts

extension LeaseWorker {
  /// Serves one call of `Node.Work`; ends when the coordinator ends it, the link is lost, or a newer
  /// stream has taken over.
  ///
  /// - Throws: `RPCError` with ABORTED for a newer stream, INVALID_ARGUMENT for a wrong order.
  package func serve(
    _ requests: RPCAsyncSequence<Muster_V1_WorkOrder, any Error>,
    _ response: RPCWriter<Muster_V1_WorkReport>
  ) async throws {
    do {
      try await self.serve(WireOrders(requests)) { report in
        try await response.write(Muster_V1_WorkReport(report))
      }
    } catch LeaseWorkerError.superseded {
      throw RPCError(code: .aborted, message: "a newer stream of work has taken over")
    } catch LeaseWorkerError.protocolFault(let fault) {
      throw RPCError(code: .invalidArgument, message: fault)
    }
  }
}

/// Orders as they come over the wire, checked.
private struct WireOrders: AsyncSequence, Sendable {
  typealias Element = LeaseOrder
  typealias Messages = RPCAsyncSequence<Muster_V1_WorkOrder, any Error>

  private let messages: Messages

  init(_ messages: Messages) {
    self.messages = messages
  }

  func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(base: self.messages.makeAsyncIterator())
  }

  struct AsyncIterator: AsyncIteratorProtocol {
    var base: Messages.AsyncIterator

    mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(any Error) -> LeaseOrder? {
      guard let message = try await self.base.next(isolation: actor) else { return nil }
      guard let order = LeaseOrder(message) else {
        throw LeaseWorkerError.protocolFault("an order that this agent does not know")
      }
      return order
    }
  }
}
