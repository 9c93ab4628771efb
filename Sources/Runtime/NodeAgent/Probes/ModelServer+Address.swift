import Glibc
import Launch

extension ModelServer {
  static let loopback = "127.0.0.1"

  /// Where a probe on its node finds it, of IPv4 or IPv6 in digits. A name would have to be looked up: it
  /// is taken to mean this machine, as the address of all interfaces does.
  var probedAddress: String {
    var four = [UInt8](repeating: 0, count: 4)
    var six = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, self.host, &four) == 1 {
      return four.allSatisfy { $0 == 0 } ? Self.loopback : self.host
    }
    if self.host != "::", inet_pton(AF_INET6, self.host, &six) == 1 { return self.host }
    return Self.loopback
  }
}
