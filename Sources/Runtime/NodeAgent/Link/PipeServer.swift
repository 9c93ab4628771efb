package import GRPCCore
import GRPCNIOTransportHTTP2TransportServices
package import NIOCore

/// The gRPC server of the agent.
package enum PipeServer {
  /// For calls that are under way when the daemon is told to end, before they are cut off.
  private static let shutdownTime = Duration.seconds(1)

  /// Serves one connection, until it has closed.
  static func serve(
    _ services: [any RegistrableRPCService], on pipe: StandardPipe
  ) async throws {
    var config = Self.config(for: StandardPipe.self)
    // Nobody else would notice that the peer of a link has gone without a word.
    config.connection.keepalive.time = .seconds(30)
    let transport = HTTP2ServerTransport.Custom(listenerFactory: pipe, config: config)
    try await GRPCServer(transport: transport, services: services).serve()
  }

  /// Serves on a Unix socket until `ended` returns.
  ///
  /// - Parameters:
  ///   - path: Of the socket.
  ///   - listenerBound: Called once connections are accepted.
  ///   - ended: Returns when the server is to end.
  package static func serve(
    _ services: [any RegistrableRPCService], at path: String, on group: any EventLoopGroup,
    clock: some Clock<Duration>, listenerBound: @escaping @Sendable () -> Void,
    until ended: @escaping @Sendable () async throws -> Void
  ) async throws {
    let listener = UnixSocketListener(path: path, on: group)
    let transport = HTTP2ServerTransport.Custom(
      listenerFactory: listener, config: Self.config(for: UnixSocketListener.self))
    let server = GRPCServer(transport: transport, services: services)
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { try await server.serve() }
      tasks.addTask {
        // The address, or the lack of one, is known when the listener is bound.
        _ = await transport.listeningAddress
        listenerBound()
        try await ended()
        server.beginGracefulShutdown()
        try await clock.sleep(for: Self.shutdownTime)
      }
      // Whichever ends first ends the other: a server that has failed, or that has had its time.
      try await tasks.next()
      tasks.cancelAll()
      // What remains can only say that it was cancelled.
      while let _ = await tasks.nextResult() {}
    }
  }

  private static func config<Factory>(
    for factory: Factory.Type
  ) -> HTTP2ServerTransport.Custom<Factory>.Config {
    var config = HTTP2ServerTransport.Custom<Factory>.Config.defaults
    // By default a stream stops for a round trip every 64 KiB, and makes frames of 16 KiB, which
    // cost as much for their number as for their bytes.
    config.http2.targetWindowSize = 4 << 20
    config.http2.maxFrameSize = 256 << 10
    config.rpc.maxRequestPayloadSize = NodeLimits.messageSizeMax
    // Coordinators ping idle links too; by default a few such pings close the connection.
    config.connection.keepalive.clientBehavior.allowWithoutCalls = true
    config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(1)
    return config
  }
}
