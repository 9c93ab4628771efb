import Coordinator
package import Fleet
import Health
import Launch

extension [ModelService] {
  /// One object, its services in their order.
  package func json(run: String) -> JSONText {
    .object([("run", .string(run)), ("services", .array(self.map(\.json)))])
  }

  /// Says what cannot be used now, by service and state.
  ///
  /// - Parameter silent: Nodes that do not answer.
  package func notReady(silent: Set<String>) -> [Diagnostic] {
    var missing: [Diagnostic] = []
    for service in self {
      let groups = Dictionary(grouping: service.missing) { endpoint in
        endpoint.state?.rawValue ?? (silent.contains(endpoint.node) ? "unreachable" : "not started")
      }
      for (state, endpoints) in groups.sorted(by: { $0.key < $1.key }) {
        let nodes = NodeSet(endpoints.map { NodeName($0.node) }).folded
        missing.append(
          Diagnostic(
            .warning, code: "not-ready",
            "\(nodes): \(endpoints.count) of \(service.endpoints.count) of `\(service.name)` \(state)",
            causes: endpoints.first.map { $0.reason.isEmpty ? [] : [$0.reason] } ?? []))
      }
    }
    if let last = missing.indices.last {
      missing[last].hints = ["`muster why MANIFEST SERVICE` says how it came to this"]
    }
    return missing
  }
}

extension ModelService {
  fileprivate var json: JSONText {
    .object([
      ("service", .string(self.name)), ("model", .string(self.modelName)),
      ("api_key_variable", JSONText(self.keyName)),
      ("endpoints", .array(self.endpoints.map(\.json))),
    ])
  }
}

extension ModelEndpoint {
  fileprivate var json: JSONText {
    .object([
      ("base_url", .string(self.baseURL)), ("model", .string(self.modelName)),
      ("index", .integer(self.key.index)), ("node", .string(self.node)),
      ("state", JSONText(self.state?.rawValue)), ("ready", .bool(self.isReady)),
      ("reason", .string(self.reason)),
    ])
  }
}
