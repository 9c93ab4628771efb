import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// Fetches pages of metrics directly, over connections that it keeps from one page to the next.
package struct HTTPScraper: Sendable {
  /// 70 times what `vllm serve` shows; what agents pass on has the same limit.
  package static let sizeMax = 4 << 20

  private let client: HTTPClient
  private let timeout: Duration
  private let clock: any Clock<Duration>

  /// Fetches for as long as `body` runs; all connections are closed when it has ended.
  ///
  /// - Parameter timeout: From a request to its last byte; positive.
  package static func with<Result: Sendable>(
    timeout: Duration, clock: any Clock<Duration>, _ body: (HTTPScraper) async throws -> Result
  ) async throws -> Result {
    try await HTTPClient.withHTTPClient(configuration: Self.configuration(timeout)) { client in
      try await body(HTTPScraper(client: client, timeout: timeout, clock: clock))
    }
  }

  /// The bytes of a page; its status was 200.
  package func page(_ url: String) async throws(HTTPScrapeFault) -> [UInt8] {
    do {
      // The client's own deadline ends with the answer's head: a body may come for ever.
      return try await withThrowingTaskGroup(of: [UInt8].self) { tasks in
        tasks.addTask { try await self.wholePage(url) }
        tasks.addTask {
          try await self.clock.sleep(for: self.timeout)
          throw HTTPScrapeFault.unanswered(self.timeout)
        }
        defer { tasks.cancelAll() }
        guard let page = try await tasks.next() else { throw CancellationError() }
        return page
      }
    } catch {
      throw HTTPScrapeFault(error, url: url, timeout: self.timeout)
    }
  }

  private func wholePage(_ url: String) async throws -> [UInt8] {
    var request = HTTPClientRequest(url: url)
    request.headers.add(name: "accept", value: "text/plain")
    request.headers.add(name: "user-agent", value: "muster")
    let response = try await self.client.execute(request, timeout: TimeAmount(self.timeout))
    guard response.status == .ok else {
      // So that the connection may be used again.
      _ = try? await response.body.collect(upTo: 1 << 16)
      throw HTTPScrapeFault.status(Int(response.status.code))
    }
    let body = try await response.body.collect(upTo: Self.sizeMax)
    // A body that was cancelled looks whole.
    try Task.checkCancellation()
    return Array(body.readableBytesView)
  }

  /// A redirection is not followed, and the next request is the next try.
  static func configuration(_ connectTimeout: Duration) -> HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.httpVersion = .http1Only
    configuration.timeout.connect = TimeAmount(connectTimeout)
    configuration.connectionPool.retryConnectionEstablishment = false
    return configuration
  }
}

/// Why no page came.
package enum HTTPScrapeFault: Error, Equatable, Sendable, CustomStringConvertible {
  case wrongURL(String)
  /// Nobody listens there.
  case refused
  /// The host's name means no address.
  case unknownHost
  /// Neither a connection nor the whole page in time.
  case unanswered(Duration)
  case status(Int)
  case tooLarge(sizeMax: Int)
  /// Broken on the way, in words.
  case broken(String)
  case cancelled

  package var description: String {
    switch self {
    case .wrongURL(let url): "`\(url)` is no URL of HTTP"
    case .refused: "nobody accepts connections"
    case .unknownHost: "no such host"
    case .unanswered(let timeout): "no whole answer within \(timeout / .seconds(1)) s"
    case .status(let code): "it answers \(code)"
    case .tooLarge(let sizeMax): "the page has more than \(sizeMax) bytes"
    case .broken(let reason): reason
    case .cancelled: "cancelled"
    }
  }

  /// What an error of the client means.
  init(_ error: any Error, url: String, timeout: Duration) {
    switch error {
    case let fault as HTTPScrapeFault: self = fault
    case is CancellationError: self = .cancelled
    case is NIOTooManyBytesError: self = .tooLarge(sizeMax: HTTPScraper.sizeMax)
    case let error as NIOConnectionError:
      if let last = error.connectionErrors.last?.error {
        self.init(last, url: url, timeout: timeout)
      } else {
        self = .unknownHost
      }
    case let error as IOError where error.errnoCode == ECONNREFUSED: self = .refused
    case let error as HTTPClientError:
      switch error {
      case .cancelled: self = .cancelled
      case .connectTimeout, .deadlineExceeded, .readTimeout, .getConnectionFromPoolTimeout:
        self = .unanswered(timeout)
      case .invalidURL, .emptyHost, .emptyScheme, .unsupportedScheme(""): self = .wrongURL(url)
      default: self = .broken("\(error)")
      }
    case is ChannelError: self = .unanswered(timeout)
    default: self = .broken("\(error)")
    }
  }
}
