import Fleet
import Launch
import Manifest
import Recipes

/// Where a replica is put, and as what.
struct Placement {
  var node: ManifestNode
  var machine: String
  /// Within the service.
  var rank: Int
  /// Among the replicas of the service on the machine.
  var index: Int
  var template: LaunchTemplate
  /// Indices of its GPUs; empty: it is alone on its node, or has said itself which it takes.
  var devices: [Int] = []

  var ports: [Int] { self.template.launch.ports.map { $0 + self.index } }
  var deviceCount: Int { self.template.launch.devices?.count ?? 0 }

  /// A port of the template as it is here, if it is one that the replica listens on.
  func shifted(_ port: Int) -> Int {
    self.template.launch.ports.contains(port) ? port + self.index : port
  }

  /// As a client writes it: a base URL of a model server, else `address:port`; `nil` without a port.
  var endpoint: String? {
    guard let port = self.ports.first else { return nil }
    return self.template.launch.model == nil
      ? ModelServer.place(self.node.address, port)
      : ModelServer.baseURL(self.node.address, port)
  }
}

extension Placeholders {
  /// - Parameter peers: As ``init(node:address:rank:index:port:peers:)`` has them.
  init(of placement: Placement, peers: [(name: String, value: String)] = []) {
    self.init(
      node: placement.node.name.rawValue, address: placement.node.address, rank: placement.rank,
      index: placement.index, port: placement.ports.first, peers: peers)
  }
}

extension Plan.Node {
  /// The address that other nodes use, as `{address}` says it; a name, or digits.
  package var address: String { self.link.address(of: self.name) }

  /// Where the node's host is a number: names are not looked up on other nodes.
  var numericAddress: String? {
    guard case .ssh(let settings) = self.link else { return nil }
    return isNumeric(settings.host) ? settings.host : nil
  }
}

extension ManifestNode {
  /// As ``Plan/Node/address``.
  var address: String { self.link.address(of: self.name.rawValue) }

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
