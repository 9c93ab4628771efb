import AsyncHTTPClient
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
    let client = Self.client(connectTimeout: timeout)
    do {
      let result = try await body(HTTPScraper(client: client, timeout: timeout, clock: clock))
      try await client.shutdown()
      return result
    } catch {
      try await client.shutdown()
      throw error
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
    let response = try await self.client.execute(request, timeout: Self.amount(self.timeout))
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
  static func client(connectTimeout: Duration) -> HTTPClient {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.httpVersion = .http1Only
    configuration.timeout.connect = Self.amount(connectTimeout)
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  static func amount(_ duration: Duration) -> TimeAmount {
    .nanoseconds(Int64(duration / .nanoseconds(1)))
  }
}
