package import Coordinator
package import Fleet
import Health
import Launch
package import Plan

/// One replica that serves a model, and what it is doing now.
package struct ModelEndpoint: Equatable, Sendable {
  package var replica: ReplicaStanding
  /// `http`, address, port, `/v1`.
  package var baseURL: String
  /// The name that its server answers to.
  package var modelName: String
}

/// A service whose replicas serve a model.
package struct ModelService: Equatable, Sendable {
  package var name: String
  /// In the order of the plan; at least one.
  package var endpoints: [ModelEndpoint]
  /// The variable that holds the key that its servers ask for; `nil`: they ask for none.
  package var keyName: String?
  /// Its servers take the reasoning out of the answer.
  package var parsesReasoning: Bool

  package var modelName: String { self.endpoints.first?.modelName ?? "" }
  /// Those that a client may be sent to.
  package var ready: [ModelEndpoint] { self.endpoints.filter(\.replica.isReady) }
  package var missing: [ModelEndpoint] { self.endpoints.filter { !$0.replica.isReady } }
}

extension ModelService {
  /// The services of a plan that serve a model, in its order.
  ///
  /// - Parameters:
  ///   - reports: What the agents said; replicas that none names have no state.
  ///   - silent: Nodes that do not answer.
  package static func all(
    of plan: Plan, reports: [ReplicaReport], silent: Set<String> = []
  ) -> [Self] {
    let standings = plan.standings(reports, silent: silent)
    return plan.services.compactMap { service in
      let own = standings.filter { $0.key.service == service.name }
      let endpoints = zip(service.replicas, own).compactMap { replica, standing in
        replica.launch.model.flatMap { server in
          plan.nodes.first { $0.name == replica.node }.map { node in
            // One that listens on one address alone answers nowhere else.
            let host = server.listensOnOne ? server.host : node.address
            return ModelEndpoint(
              replica: standing, baseURL: ModelServer.baseURL(host, server.port),
              modelName: server.model)
          }
        }
      }
      guard !endpoints.isEmpty else { return nil }
      let launches = service.replicas.map(\.launch)
      return Self(
        name: service.name, endpoints: endpoints,
        keyName: launches.lazy.compactMap(\.keyVariable).first,
        parsesReasoning: launches.contains { $0.model?.parsesReasoning == true })
    }
  }

  fileprivate var json: JSONText {
    let endpoints = self.endpoints.map { endpoint in
      JSONText.object([
        ("base_url", .string(endpoint.baseURL)), ("model", .string(endpoint.modelName)),
        ("index", .integer(endpoint.replica.key.index)), ("node", .string(endpoint.replica.node)),
        ("state", JSONText(endpoint.replica.report?.state.rawValue)),
        ("ready", .bool(endpoint.replica.isReady)), ("reason", .string(endpoint.replica.reason)),
      ])
    }
    return .object([
      ("service", .string(self.name)), ("model", .string(self.modelName)),
      ("api_key_variable", JSONText(self.keyName)), ("endpoints", .array(endpoints)),
    ])
  }
}

extension [ModelService] {
  /// One object, its services in their order.
  package func json(run: String) -> JSONText {
    .object([("run", .string(run)), ("services", .array(self.map(\.json)))])
  }

  /// Says what cannot be used now, by service and state.
  package var notReady: [Diagnostic] {
    var missing: [Diagnostic] = []
    for service in self {
      let groups = Dictionary(grouping: service.missing.map(\.replica), by: \.word)
      for (state, replicas) in groups.sorted(by: { $0.key < $1.key }) {
        let nodes = NodeSet(replicas.map { NodeName($0.node) }).folded
        missing.append(
          Diagnostic(
            .warning, code: "not-ready",
            "\(nodes): \(replicas.count) of \(service.endpoints.count) of `\(service.name)` \(state)",
            causes: replicas.prefix(1).map(\.reason).filter { !$0.isEmpty }))
      }
    }
    if let last = missing.indices.last {
      missing[last].hints = ["`muster why MANIFEST SERVICE` says how it came to this"]
    }
    return missing
  }
}
