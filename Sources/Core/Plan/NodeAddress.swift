import Fleet
import Manifest

extension Plan.Node {
  /// The address that other nodes use, as `{address}` says it; a name, or digits.
  package var address: String {
    switch self.link {
    case .local: "127.0.0.1"
    case .ssh(let settings): settings.host
    case .command: self.name
    }
  }

  /// Where the node's host is a number: names are not looked up on other nodes.
  var numericAddress: String? {
    guard case .ssh(let settings) = self.link else { return nil }
    return isNumeric(settings.host) ? settings.host : nil
  }
}

extension ManifestNode {
  /// As ``Plan/Node/address``.
  var address: String {
    switch self.link {
    case .local: "127.0.0.1"
    case .ssh(let settings): settings.host
    case .command: self.name.rawValue
    }
  }

  /// `nil` where it is a name.
  var numericAddress: String? { isNumeric(self.address) ? self.address : nil }

  /// Nodes on one machine share its ports and GPUs: local ones, and those on loopback.
  var machine: String {
    let address = self.address
    let isHere = address.hasPrefix("127.") || address == "localhost" || address == "::1"
    return isHere ? "local" : self.name.rawValue
  }
}

private func isNumeric(_ address: String) -> Bool {
  let isIPv4 =
    address.split(separator: ".", omittingEmptySubsequences: false).count == 4
    && address.allSatisfy { $0.isASCII && $0.isNumber || $0 == "." }
  return isIPv4 || address.contains(":")
}
