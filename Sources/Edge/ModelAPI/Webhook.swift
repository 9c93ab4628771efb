import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// Posts JSON to a URL that somebody wants to be told at.
package struct Webhook: Sendable {
  /// Why a message was not taken; without the URL, whose path is often a secret.
  package struct Fault: Error, Equatable, Sendable {
    package var reason: String
  }

  private let url: String

  /// - Parameter url: Of `http` or `https`, as the manifest's reader has checked it: the client traps at
  ///   an address with a port over 65535.
  package init(url: String) {
    self.url = url
  }

  /// Posts one JSON text, over a connection of its own, and waits for the answer's head: nobody reads
  /// its body, which may be endless. A redirection is not followed: by its rules the message would
  /// become a GET without it.
  ///
  /// - Parameter timeout: From the name's resolution to the answer's head; positive.
  /// - Throws: `Fault` for an answer outside 200 ... 299, and for none in time.
  package func post(json: String, timeout: Duration) async throws(Fault) {
    var request = HTTPClientRequest(url: self.url)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.body = .bytes(ByteBuffer(string: json))
    let status: UInt
    do {
      let configuration = HTTPScraper.configuration(timeout)
      status = try await HTTPClient.withHTTPClient(configuration: configuration) { client in
        try await client.execute(request, timeout: TimeAmount(timeout)).status.code
      }
    } catch {
      throw Fault(reason: Self.words(error, timeout))
    }
    switch status {
    case 200..<300: break
    case 300..<400: throw Fault(reason: "status \(status), and redirections are not followed")
    default: throw Fault(reason: "status \(status)")
    }
  }

  /// Words of ours only: those of a foreign error may name the URL.
  private static func words(_ error: any Error, _ timeout: Duration) -> String {
    switch HTTPScrapeFault(error, url: "", timeout: timeout) {
    case .unanswered: "no answer within \(timeout / .seconds(1)) s"
    case .wrongURL: "its URL is none of HTTP"
    case .broken:
      "no answer: \((error as? HTTPClientError)?.shortDescription ?? "\(type(of: error))")"
    case let fault: fault.description
    }
  }
}
