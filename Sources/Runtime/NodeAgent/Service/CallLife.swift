import GRPCCore

extension ServerContext {
  /// Carries `body` out, and cancels it when the caller has gone: gRPC says so by a handle and leaves
  /// the handler's task alone, which would wait for ever.
  func untilCallerGoes(_ body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { try await body() }
      tasks.addTask { try await self.cancellation.cancelled }
      try await tasks.next()
      tasks.cancelAll()
    }
  }
}
