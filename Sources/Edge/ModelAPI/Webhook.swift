import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Posts JSON to a URL that somebody wants to be told at.
package struct Webhook: Sendable {
  /// Why a message was not taken; without the URL, whose path is often a secret.
  package struct Fault: Error, Equatable, Sendable {
    package var reason: String
  }

  /// Of an answer's body, which nobody reads.
  private static let answerSizeMax = 64 << 10

  private let url: String

  /// - Parameter url: Of `http` or `https`.
  package init(url: String) {
    self.url = url
  }

  /// Posts one JSON text and waits for the answer.
  ///
  /// - Throws: `Fault` for an answer outside 200 ... 299, and for none in time.
  package func post(json: String, timeout: Duration) async throws(Fault) {
    var request = HTTPClientRequest(url: self.url)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.body = .bytes(ByteBuffer(string: json))
    let milliseconds =
      timeout.components.seconds * 1000 + timeout.components.attoseconds / 1_000_000_000_000_000
    let status: UInt
    do {
      let response = try await HTTPClient.shared.execute(
        request, timeout: .milliseconds(milliseconds))
      _ = try? await response.body.collect(upTo: Self.answerSizeMax)
      status = response.status.code
    } catch {
      let reason = (error as? HTTPClientError).map { $0.shortDescription } ?? "\(type(of: error))"
      throw Fault(reason: "no answer: \(reason)")
    }
    guard (200..<300).contains(status) else { throw Fault(reason: "status \(status)") }
  }
}
