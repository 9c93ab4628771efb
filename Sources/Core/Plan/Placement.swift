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
