import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix

/// Why there is no server.
package struct MetricsServerFault: Error, CustomStringConvertible {
  /// In words, such as the system's for a port that is taken.
  package let description: String
}

/// Shows a page at `/metrics` over HTTP, to any number of readers.
package struct MetricsServer: Sendable {
  /// A page of metrics as it is sent.
  package typealias Page = (text: [UInt8], contentType: String)

  /// A Prometheus or two and some people.
  package static let connectionCountMax = 64
  /// So that no one of them keeps the others out.
  package static let connectionCountMaxOfPeer = 32
  /// For a request to arrive, from the opening of a connection.
  package static let headTimeout = Duration.seconds(10)
  /// Prometheus asks more often by default, and opens a new connection where it does not.
  package static let idleTimeout = Duration.seconds(120)

  private static let index = """
    Muster
    /metrics    all of the run's metrics, for Prometheus
    /-/healthy  200 while this program runs

    """

  private let host: String
  private let port: Int
  private let idleTimeout: Duration
  private let headTimeout: Duration
  private let page: @Sendable () async -> Page

  /// - Parameters:
  ///   - host: To listen on. On a loopback address only requests to such a one are answered: a page of a
  ///     browser that has been told another name for it gets nothing.
  ///   - idleTimeout: After which a connection without a request is closed; positive.
  ///   - headTimeout: For its first request; positive.
  package init(
    host: String, port: Int, idleTimeout: Duration = MetricsServer.idleTimeout,
    headTimeout: Duration = MetricsServer.headTimeout,
    page: @escaping @Sendable () async -> Page
  ) {
    self.host = host
    self.port = port
    self.idleTimeout = idleTimeout
    self.headTimeout = headTimeout
    self.page = page
  }

  /// Serves until the task is cancelled.
  ///
  /// - Parameter listening: Called when connections are accepted.
  /// - Throws: `MetricsServerFault` where it cannot listen.
  package func run(listening: @escaping @Sendable () async -> Void = {}) async throws {
    let table = ConnectionTable(
      countMax: Self.connectionCountMax, countMaxOfPeer: Self.connectionCountMaxOfPeer,
      headTimeout: TimeAmount(min(self.headTimeout, self.idleTimeout)),
      idleTimeout: TimeAmount(self.idleTimeout))
    let channel = HTTP1Channel(
      responder: { request, writer, channel in
        table.asked(channel)
        let response = await self.answer(request)
        try await writer.write(response: response.head, body: response.body)
        table.answered(channel)
      },
      configuration: .init(additionalChannelHandlers: [ConnectionHandler(table)]))
    let server = Server(
      childChannelSetup: channel,
      configuration: ServerConfiguration(
        address: .hostname(self.host, port: self.port)),
      onServerRunning: { _ in await listening() },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Self.silence)
    do {
      try await server.run()
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      throw MetricsServerFault(description: "\(error)")
    }
    try Task.checkCancellation()
  }

  /// What users are told is said by the command.
  private static let silence = Logger(label: "dashboard") { _ in SwiftLogNoOpLogHandler() }

  private func answer(_ request: Request) async -> Response {
    guard self.isMeant(request.head.authority) else {
      return Self.plain(
        .misdirectedRequest, "ask for 127.0.0.1 or localhost, or let `serve` listen elsewhere\n",
        for: request)
    }
    guard ["/", "/-/healthy", "/metrics"].contains(request.uri.path) else {
      return Self.plain(.notFound, "there is no such page\n", for: request)
    }
    guard request.method == .get || request.method == .head else {
      var response = Self.plain(.methodNotAllowed, "only GET and HEAD\n", for: request)
      response.headers[.allow] = "GET, HEAD"
      return response
    }
    switch request.uri.path {
    case "/metrics":
      let page = await self.page()
      return Self.response(.ok, ByteBuffer(bytes: page.text), page.contentType, for: request)
    case "/-/healthy": return Self.plain(.ok, "Muster is healthy.\n", for: request)
    default: return Self.plain(.ok, Self.index, for: request)
    }
  }

  /// Whether a request is to the host that is listened on, going by its `Host`.
  private func isMeant(_ authority: String?) -> Bool {
    guard Self.isLoopback(self.host), let authority else { return true }
    // Of a user with a password, the host comes after them.
    if authority.contains("@") { return false }
    let isBracketed = authority.hasPrefix("[")
    let name =
      isBracketed
      ? authority.dropFirst().prefix { $0 != "]" } : authority.prefix { $0 != ":" }
    return name.lowercased() == self.host.lowercased() || Self.isLoopback(name.lowercased())
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1"
      || (try? SocketAddress(ipAddress: host, port: 0)) != nil && host.hasPrefix("127.")
  }

  private static func plain(
    _ status: HTTPResponse.Status, _ text: String, for request: Request
  ) -> Response {
    Self.response(status, ByteBuffer(string: text), "text/plain; charset=utf-8", for: request)
  }

  private static func response(
    _ status: HTTPResponse.Status, _ bytes: ByteBuffer, _ type: String, for request: Request
  ) -> Response {
    let response = Response(
      status: status, headers: [.contentType: type, .date: Self.date],
      body: ResponseBody(byteBuffer: bytes))
    return request.method == .head ? response.createHeadResponse() : response
  }

  /// The time as HTTP writes it. Source: RFC 9110, section 5.6.7.
  private static var date: String {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      let size = strftime(text.baseAddress, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
      return String(decoding: text.prefix(size).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
