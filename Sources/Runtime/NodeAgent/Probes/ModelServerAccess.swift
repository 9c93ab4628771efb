import Fleet
import Glibc
import NodeAPI

/// How a model server on this machine is asked: what its command line and its environment say.
///
/// Source: vLLM 0.32, `vllm serve --help`; a key is asked for below `/v1` alone.
struct ModelServerAccess: Equatable, Sendable {
  static let loopback = "127.0.0.1"

  /// Of IPv4 or IPv6, in digits.
  var address = Self.loopback
  /// Empty: it asks for none.
  var key = ""

  init() {}

  /// - Parameter environment: Of the server.
  init(argv: [String], environment: [String: String]) {
    self.address = Self.address(argv)
    self.key =
      ArgumentList.value(of: "--api-key", in: argv) ?? environment["VLLM_API_KEY", default: ""]
  }

  /// Where it listens, if only there. A name would have to be looked up: it is taken to mean this
  /// machine, as the address of all interfaces does.
  static func address(_ argv: [String]) -> String {
    guard let host = ArgumentList.value(of: "--host", in: argv) else { return Self.loopback }
    var four = [UInt8](repeating: 0, count: 4)
    var six = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, host, &four) == 1 {
      return four.allSatisfy { $0 == 0 } ? Self.loopback : host
    }
    if host != "::", inet_pton(AF_INET6, host, &six) == 1 { return host }
    return Self.loopback
  }
}
