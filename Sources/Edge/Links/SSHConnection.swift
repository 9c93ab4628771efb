import Glibc
import NIOCore
import NIOPosix
import Fleet
import Plan

/// The TCP connection below SSH.
enum SSHConnection {
  /// Resolves the name and connects; reads nothing yet.
  static func connect(
    _ ssh: SSHSpecification, _ deadline: NIODeadline, on loop: any EventLoop
  ) async throws(LinkError) -> any Channel {
    let connected = loop.makePromise(of: (any Channel).self)
    ClientBootstrap(group: loop)
      .connectTimeout(max(deadline - loop.now, .nanoseconds(1)))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.autoRead, value: false)
      .connect(host: ssh.host, port: ssh.port)
      .whenComplete { result in
        // A connection that comes after the cancellation is nobody's.
        connected.futureResult.whenFailure { _ in
          if case .success(let channel) = result { channel.close(promise: nil) }
        }
        connected.completeWith(result)
      }
    do {
      return try await withTaskCancellationHandler {
        try await connected.futureResult.get()
      } onCancel: {
        connected.fail(CancellationError())
      }
    } catch {
      throw Self.linkError(error, ssh)
    }
  }

  private static func linkError(_ error: any Error, _ ssh: SSHSpecification) -> LinkError {
    let address = "\(ssh.host):\(ssh.port)"
    switch error {
    case is CancellationError: return .cancelled
    case ChannelError.connectTimeout:
      return .noAnswer(address: address, during: .connection, seconds: ssh.connectTimeoutSeconds)
    case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
      // Of several addresses: one that refuses says more than one without a route.
      let causes = error.connectionErrors.map(\.error)
      let codes = causes.compactMap { ($0 as? IOError)?.errnoCode }
      if codes.contains(ECONNREFUSED) { return .connectionRefused(address: address) }
      let isTimeout = causes.contains {
        if case ChannelError.connectTimeout = $0 { true } else { false }
      }
      if isTimeout || codes.contains(ETIMEDOUT) {
        return .noAnswer(address: address, during: .connection, seconds: ssh.connectTimeoutSeconds)
      }
      return .unreachable(address: address, detail: causes.first.map { "\($0)" } ?? "")
    case let error as NIOConnectionError:
      let cause = error.dnsAError ?? error.dnsAAAAError
      return .nameNotResolved(host: ssh.host, detail: cause.map { "\($0)" } ?? "no address")
    default:
      return .unreachable(address: address, detail: "\(error)")
    }
  }
}
