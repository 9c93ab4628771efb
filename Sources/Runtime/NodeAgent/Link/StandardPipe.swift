import Fleet
import GRPCNIOTransportHTTP2TransportServices
import Glibc
import NIOCore
import NIOPosix
import OperatingSystem

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
