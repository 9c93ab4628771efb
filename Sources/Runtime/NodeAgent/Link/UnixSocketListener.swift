import Glibc
package import GRPCNIOTransportHTTP2TransportServices
package import NIOCore
import NIOPosix

/// Accepts gRPC connections on a Unix socket that only its owner may open.
package struct UnixSocketListener: HTTP2ServerTransport.ListenerFactory {
  package let eventLoopGroup: any EventLoopGroup
  private let path: String

  /// - Parameter path: In a folder of mode 0700. A socket that is there already is replaced.
  package init(path: String, on group: any EventLoopGroup) {
    self.path = path
    self.eventLoopGroup = group
  }

  package func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<
    HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never
  > {
    let listener = try await ServerBootstrap(group: self.eventLoopGroup)
      .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
      .bind(unixDomainSocketPath: self.path, cleanupExistingSocketFile: true) { connection in
        connectionConfigurator.configure(channel: connection, tls: .none)
      }
    guard chmod(self.path, 0o600) == 0 else { throw IOError(errnoCode: errno, reason: "chmod") }
    return listener
  }
}
