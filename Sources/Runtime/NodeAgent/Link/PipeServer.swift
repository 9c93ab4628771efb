import Fleet
import GRPCCore
import GRPCNIOTransportHTTP2TransportServices
import Glibc
import NIOCore
import NIOPosix
import OperatingSystem

/// The gRPC server of the agent.
enum PipeServer {
  /// For calls that are under way when the daemon is told to end, before they are cut off.
  private static let shutdownTime = Duration.seconds(1)

  /// Serves one connection, until it has closed.
  static func serve(
    _ services: [any RegistrableRPCService], on pipe: StandardPipe
  ) async throws {
    let transport = HTTP2ServerTransport.Custom(
      listenerFactory: pipe, config: Self.config(for: StandardPipe.self))
    try await GRPCServer(transport: transport, services: services).serve()
  }

  /// Serves on a Unix socket until `ended` returns.
  ///
  /// - Parameters:
  ///   - path: Of the socket.
  ///   - accepted: Called with each connection.
  ///   - listenerBound: Called once connections are accepted.
  ///   - ended: Returns when the server is to end.
  static func serve(
    _ services: [any RegistrableRPCService], at path: String, on group: any EventLoopGroup,
    clock: some Clock<Duration>, accepted: @escaping @Sendable (any Channel) -> Void,
    listenerBound: @escaping @Sendable () -> Void,
    until ended: @escaping @Sendable () async throws -> Void
  ) async throws {
    let listener = UnixSocketListener(eventLoopGroup: group, path: path, accepted: accepted)
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
    // Nobody else would notice that the peer of a link has gone without a word: what it had to do
    // would look as if it were at work, and keep others off the run.
    config.connection.keepalive.time = .seconds(30)
    // Coordinators ping idle links too; by default a few such pings close the connection.
    config.connection.keepalive.clientBehavior.allowWithoutCalls = true
    config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(1)
    return config
  }
}

/// Accepts gRPC connections on a Unix socket that only its owner may open.
private struct UnixSocketListener: HTTP2ServerTransport.ListenerFactory {
  let eventLoopGroup: any EventLoopGroup
  /// In a folder of mode 0700. A socket that is there already is replaced.
  let path: String
  let accepted: @Sendable (any Channel) -> Void

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<
    HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never
  > {
    let listener = try await ServerBootstrap(group: self.eventLoopGroup)
      .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
      .bind(unixDomainSocketPath: self.path, cleanupExistingSocketFile: true) { connection in
        self.accepted(connection)
        return connectionConfigurator.configure(channel: connection, tls: .none)
      }
    guard chmod(self.path, 0o600) == 0 else { throw IOError(errnoCode: errno, reason: "chmod") }
    return listener
  }
}

/// Standard input and output as the one connection of a server, after the preface.
struct StandardPipe: HTTP2ServerTransport.ListenerFactory {
  typealias Connection = HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel

  let eventLoopGroup: any EventLoopGroup

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<Connection, Never> {
    let loop = self.eventLoopGroup.next()
    let listener = try await Self.silentListener(on: loop)
    // HTTP/2 begins with the next byte.
    try PlainFile.write(Array(AgentPreface.line.utf8), to: STDOUT_FILENO, named: "the preface")
    let connection = try await NIOPipeBootstrap(group: loop)
      .takingOwnershipOfDescriptors(input: STDIN_FILENO, output: STDOUT_FILENO) { channel in
        channel.closeFuture.whenComplete { _ in listener.channel.close(promise: nil) }
        return connectionConfigurator.configure(channel: channel, tls: .none)
      }
    try await loop.submit {
      listener.channel.pipeline.syncOperations.fireChannelRead(NIOAny(connection))
      listener.channel.pipeline.syncOperations.fireChannelReadComplete()
    }.get()
    return listener
  }

  /// Something must stand where a server accepts connections: a pipe that nobody writes to.
  private static func silentListener(
    on loop: any EventLoop
  ) async throws -> NIOAsyncChannel<Connection, Never> {
    let (readingEnd, writingEnd) = try SystemFault.checkedPipe()
    return try await NIOPipeBootstrap(group: loop)
      .takingOwnershipOfDescriptor(input: readingEnd) { channel in
        channel.eventLoop.makeCompletedFuture {
          channel.closeFuture.whenComplete { _ in close(writingEnd) }
          return try NIOAsyncChannel<Connection, Never>(wrappingChannelSynchronously: channel)
        }
      }
  }
}
