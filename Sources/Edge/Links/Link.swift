import Fleet
import GRPCCore
package import GRPCNIOTransportHTTP2TransportServices
import NIOCore
package import SSH

/// A byte pipe to the agent on one node, with gRPC in it.
package struct Link: Sendable {
  /// For one `GRPCClient`, which runs it; the link closes when it ends. It never reconnects: a link
  /// that has broken is replaced by a new one.
  package let transport: HTTP2ClientTransport.WrappedChannel
  let channel: any Channel
  let end: EventLoopFuture<CommandEnd>

  /// Closes it, if it is open yet: a client that is stopped before it has begun leaves it so.
  package func close() {
    self.channel.close(promise: nil)
  }

  /// How the pipe ended: the exit status of the program on the node or the SSH error, and the end of
  /// its standard error. gRPC itself says no more than "unavailable".
  ///
  /// Returns once the pipe has closed.
  package func ended() async -> CommandEnd {
    await end.ending()
  }

  /// What a message may be, of every call. What is received is held to `maxRequestMessageBytes`: the
  /// transport knows no other bound.
  static var serviceConfig: ServiceConfig {
    ServiceConfig(methodConfig: [
      MethodConfig(
        names: [MethodConfig.Name(service: "")], maxRequestMessageBytes: AgentMessages.sizeMax,
        maxResponseMessageBytes: AgentMessages.sizeMax)
    ])
  }

  /// How gRPC is spoken over every link.
  static var config: HTTP2ClientTransport.WrappedChannel.Config {
    .defaults {
      // Of one stream and of the whole connection; no more than SSH's own window, so that it is
      // HTTP/2 that holds a fast sender back, stream by stream.
      $0.http2.targetWindowSize = 4 << 20
      // Frames of 16 KiB, the default, cost as much for their number as for their bytes.
      $0.http2.maxFrameSize = 256 << 10
      $0.http2.authority = "agent"
      // A peer that is silent for 15 s is gone. Without calls too: a lost link is news then as well.
      $0.connection.keepalive = .init(
        time: .seconds(10), timeout: .seconds(5), allowWithoutCalls: true)
      // Default: half an hour without a call closes the link.
      $0.connection.maxIdleTime = nil
    }
  }
}

extension EventLoopFuture<CommandEnd> {
  /// The end; a future that fails is a pipe that never was.
  func ending() async -> CommandEnd {
    (try? await self.get()) ?? CommandEnd(outcome: .abandoned, standardError: "")
  }
}
