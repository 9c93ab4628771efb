import AsyncHTTPClient
import Glibc
import NIOCore
import NIOPosix

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
