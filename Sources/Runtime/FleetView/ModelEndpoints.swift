package import Coordinator
import Fleet
package import Health
package import Launch
package import Plan

/// One replica that serves a model, and what it is doing now.
package struct ModelEndpoint: Equatable, Sendable {
  package var key: ReplicaKey
  package var node: String
  /// `http`, address, port, `/v1`.
  package var baseURL: String
  /// The name that its server answers to.
  package var modelName: String
  /// `nil`: its node does not answer, or it was not started.
  package var state: ReplicaPhase?
  package var reason: String

  /// Whether a client may be sent there.
  package var isReady: Bool { self.state == .ready || self.state == .busy }
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
  package var ready: [ModelEndpoint] { self.endpoints.filter(\.isReady) }
  package var missing: [ModelEndpoint] { self.endpoints.filter { !$0.isReady } }
}

extension ModelService {
  /// The services of a plan that serve a model, in its order.
  ///
  /// - Parameter reports: What the agents said; replicas that none names have no state.
  package static func all(of plan: Plan, reports: [ReplicaReport]) -> [Self] {
    let known = Dictionary(reports.map { ($0.key, $0) }) { _, last in last }
    return plan.services.compactMap { service in
      let endpoints = service.replicas.compactMap { replica -> ModelEndpoint? in
        guard let server = replica.launch.model,
          let node = plan.nodes.first(where: { $0.name == replica.node })
        else { return nil }
        let key = ReplicaKey(service: service.name, index: replica.index)
        return ModelEndpoint(
          key: key, node: node.name,
          // One that listens on one address alone answers nowhere else.
          baseURL: ModelServer.baseURL(
            server.listensOnOne ? server.host : node.address, server.port),
          modelName: server.model, state: known[key]?.state, reason: known[key]?.reason ?? "")
      }
      guard !endpoints.isEmpty else { return nil }
      let launches = service.replicas.map(\.launch)
      return Self(
        name: service.name, endpoints: endpoints,
        keyName: launches.lazy.compactMap(\.keyVariable).first,
        parsesReasoning: launches.contains { $0.model?.parsesReasoning == true })
    }
  }
}
