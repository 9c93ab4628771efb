import Manifest

/// Where a replica is put.
struct Placement {
  var node: ManifestNode
  var machine: String
  /// Within the service.
  var rank: Int
  /// Among the replicas of the service on the machine.
  var index: Int
  var ports: [Int]
  var servesModel: Bool
  /// Indices of its GPUs; empty: it is alone on its node, or has said itself which it takes.
  var devices: [Int] = []

  /// As a client writes it: a base URL of a model server, else `address:port`; `nil` without a port.
  var endpoint: String? {
    guard let port = self.ports.first else { return nil }
    let address = Planner.address(of: self.node)
    let host = address.contains(":") ? "[\(address)]" : address
    return self.servesModel ? "http://\(host):\(port)/v1" : "\(host):\(port)"
  }
}
