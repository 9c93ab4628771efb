package import AsyncHTTPClient
import NIOCore

/// Fetches metrics of servers directly.
package struct HTTPScraper: Sendable {
  private let client: HTTPClient

  package init(client: HTTPClient) {
    self.client = client
  }
}
