package import GRPCCore
package import NodeAPI
package import Rollouts
import Synchronization

/// Why a stream of work ended from this side.
package enum LeaseWorkerError: Error, Equatable {
  /// A newer stream has taken over.
  case superseded
  /// The coordinator does what the protocol does not allow.
  case protocolFault(String)
  /// The disk no longer has what is to be delivered next: the batch after this sequence number.
  case spoolLost(after: UInt64)
}

extension LeaseWorker {
  /// Serves one coordinator until its orders end, a newer stream takes over, or sending throws.
  ///
  /// - Parameters:
  ///   - orders: What the coordinator says; the first must be a setup.
  ///   - send: Sends a report and returns when there is room for another.
  package func serve<Orders: AsyncSequence & Sendable>(
    _ orders: Orders, send: @escaping @Sendable (LeaseReport) async throws -> Void
  ) async throws where Orders.Element == LeaseOrder {
    let stream = self.state.withLock { state in
      state.streamNumber += 1
      // Its task sees the number and ends.
      state.sendBell?.finish()
      return state.streamNumber
    }
    let rings = self.rings(\.sendBell)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { for try await order in orders { try self.take(order, of: stream) } }
      group.addTask { try await self.deliver(rings, of: stream, send) }
      group.addTask { try await self.beat(of: stream) }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func take(_ order: LeaseOrder, of stream: Int) throws {
    try self.state.withLock { state in
      guard state.streamNumber == stream else { throw LeaseWorkerError.superseded }
      try state.take(order, of: stream)
    }
  }

  private func beat(of stream: Int) async throws {
    while true {
      try await self.clock.sleep(
        until: self.clock.now.advanced(by: self.settings.heartbeat), tolerance: nil)
      try self.state.withLock { state in
        guard state.streamNumber == stream else { throw LeaseWorkerError.superseded }
        state.beat()
      }
    }
  }

  // MARK: Delivering

  private enum Delivery {
    case report(LeaseReport)
    case read(Store.Log, after: UInt64, through: UInt64)
    case nothing
  }

  private func deliver(
    _ rings: AsyncStream<Void>, of stream: Int,
    _ send: @Sendable (LeaseReport) async throws -> Void
  ) async throws {
    for await _ in rings {
      delivering: while true {
        switch try self.nextDelivery(of: stream) {
        case .nothing:
          break delivering
        case .report(let report):
          try await send(report)
        case .read(let log, let after, let through):
          let batches = try await log.batches(after: after, maximumSize: 1 << 20)
          guard batches.first?.sequence == after + 1 else {
            // A newer stream may have delivered it since.
            try self.checkNewest(stream)
            // The coordinator gives its leases to others, and in the end gives up this node.
            try await send(.fault(LeaseFault(.disk, "the spool has lost batch \(after + 1)")))
            throw LeaseWorkerError.spoolLost(after: after)
          }
          for batch in batches where batch.sequence <= through {
            self.sent(batch.sequence, of: stream)
            try await send(.batch(batch))
          }
        }
      }
    }
    try Task.checkCancellation()
    throw LeaseWorkerError.superseded
  }

  private func nextDelivery(of stream: Int) throws -> Delivery {
    try self.state.withLock { state in
      guard state.streamNumber == stream else { throw LeaseWorkerError.superseded }
      guard state.setupStream == stream else { return .nothing }
      if let fault = state.fault.take() { return .report(.fault(fault)) }
      if state.isBeatDue {
        state.isBeatDue = false
        let next = state.queue.next
        return .report(
          .progress(
            LeaseProgress(
              leaseID: next?.leaseID ?? 0, next: next?.item ?? 0,
              concurrency: UInt32(state.concurrency))))
      }
      guard case .open(let log) = state.phase else { return .nothing }
      switch state.spool.nextSend {
      case .none: return .nothing
      case .send(let batch):
        // Before it is sent, as the acknowledgement may come before `send` returns. If sending fails
        // the next stream begins with it again.
        state.spool.sent(batch.sequence)
        return .report(.batch(batch))
      case .read(let after, let through): return .read(log, after: after, through: through)
      }
    }
  }

  private func checkNewest(_ stream: Int) throws(LeaseWorkerError) {
    let newest = self.state.withLock { $0.streamNumber }
    if newest != stream { throw .superseded }
  }

  private func sent(_ sequence: UInt64, of stream: Int) {
    self.state.withLock { if $0.streamNumber == stream { $0.spool.sent(sequence) } }
  }
}

// MARK: Wire

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
