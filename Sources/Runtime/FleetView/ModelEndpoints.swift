package import Coordinator
import Fleet
package import Health
package import Plan
import Recipes

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
  /// vLLM reads the key from this variable, where no `--api-key` says it.
  package static let keyVariable = "VLLM_API_KEY"

  /// The services of a plan that serve a model, in its order.
  ///
  /// - Parameter reports: What the agents said; replicas that none names have no state.
  package static func all(of plan: Plan, reports: [ReplicaReport]) -> [Self] {
    let known = Dictionary(reports.map { ($0.key, $0) }) { _, last in last }
    return plan.services.compactMap { service in
      let endpoints = service.replicas.compactMap { replica -> ModelEndpoint? in
        guard case .canary(let port, let model)? = replica.launch.probe,
          let node = plan.nodes.first(where: { $0.name == replica.node })
        else { return nil }
        let key = ReplicaKey(service: service.name, index: replica.index)
        return ModelEndpoint(
          key: key, node: node.name,
          baseURL: Self.baseURL(Self.address(of: replica.launch, on: node), port: port),
          modelName: model, state: known[key]?.state, reason: known[key]?.reason ?? "")
      }
      guard !endpoints.isEmpty else { return nil }
      let launches = service.replicas.map(\.launch)
      return Self(
        name: service.name, endpoints: endpoints,
        keyName: launches.contains(where: Self.asksForKey) ? Self.keyVariable : nil,
        parsesReasoning: launches.contains { Self.has("--reasoning-parser", in: $0) })
    }
  }

  /// A server that listens on one address alone answers nowhere else.
  private static func address(of launch: LaunchSpecification, on node: Plan.Node) -> String {
    let host = ArgumentList.value(of: "--host", in: launch.argv) ?? ""
    return ["", "0.0.0.0", "::"].contains(host) ? node.address : host
  }

  private static func baseURL(_ address: String, port: Int) -> String {
    let host = address.contains(":") ? "[\(address)]" : address
    return "http://\(host):\(port)/v1"
  }

  private static func asksForKey(_ launch: LaunchSpecification) -> Bool {
    launch.secrets.contains(Self.keyVariable)
      || launch.environment.contains { $0.name == Self.keyVariable }
      || Self.has("--api-key", in: launch)
  }

  private static func has(_ flag: String, in launch: LaunchSpecification) -> Bool {
    launch.argv.contains { $0 == flag || $0.hasPrefix("\(flag)=") }
  }
}
