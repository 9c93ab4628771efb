package import Coordinator
package import Fleet
import Health
import Launch
package import Plan
import Recipes

/// One replica that serves a model, and what it is doing now.
package struct ModelEndpoint: Equatable, Sendable {
  package var replica: ReplicaStanding
  /// `http`, address, port, `/v1`.
  package var baseURL: String
  package var port: Int
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
  /// The key stands among the arguments of its servers: who reads the variable has to set it.
  package var keyIsArgument: Bool
  /// Its servers take the reasoning out of the answer.
  package var parsesReasoning: Bool

  package var modelName: String { self.endpoints.first?.modelName ?? "" }
  /// Those that a client may be sent to.
  package var ready: [ModelEndpoint] { self.endpoints.filter(\.replica.isReady) }
  package var missing: [ModelEndpoint] { self.endpoints.filter { !$0.replica.isReady } }
}

extension ModelService {
  /// The services of a plan that serve a model, in its order; replicas that no report names have no state.
  ///
  /// - Parameter silent: Nodes that do not answer.
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
              port: server.port, modelName: server.model)
          }
        }
      }
      guard !endpoints.isEmpty else { return nil }
      let launches = service.replicas.map(\.launch)
      return Self(
        name: service.name, endpoints: endpoints,
        keyName: launches.lazy.compactMap(\.keyVariable).first,
        keyIsArgument: launches.contains { $0.model?.keyArgument != nil },
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

  /// Says which keys nobody has set who reads what is printed.
  package var keyNotes: [String] {
    self.compactMap { service in
      guard service.keyIsArgument, let name = service.keyName else { return nil }
      return
        "the key of `\(service.name)` stands among its arguments: set \(name) to it where this is "
        + "read, or better use `secrets: [\(name)]`"
    }
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

/// The two models of NeMo Gym, as services of a plan.
package struct GymServices: Equatable, Sendable {
  package var policy: ModelService?
  package var judge: ModelService?

  /// Finds the two: by the names given, else `policy` and `judge`; one service alone is the policy.
  ///
  /// - Throws: A `Diagnostic` for a name that is given and serves no model, and where nothing says
  ///   which service is the policy.
  package init(
    _ services: [ModelService], policy: String?, judge: String?
  ) throws(Diagnostic) {
    self.judge = try Self.service(judge, in: services) ?? services.first { $0.name == "judge" }
    let found = try Self.service(policy, in: services) ?? services.first { $0.name == "policy" }
    let others = services.filter { $0.name != self.judge?.name }
    self.policy = found ?? (others.count == 1 ? others.first : nil)
    guard self.policy != nil else {
      let names = services.map { "`\($0.name)`" }.joined(separator: ", ")
      throw Diagnostic(
        code: "no-policy", "no service is named `policy`",
        hints: services.isEmpty
          ? [Recipe.servingHint]
          : ["say which it is: `--policy SERVICE`, of \(names)"])
    }
  }

  /// The policy, then the judge if there is one.
  package var services: [ModelService] { [self.policy, self.judge].compactMap(\.self) }

  /// The service of a name that was given; `nil` where none was.
  package static func service(
    _ name: String?, in services: [ModelService]
  ) throws(Diagnostic) -> ModelService? {
    guard let name else { return nil }
    if let service = services.first(where: { $0.name == name }) { return service }
    let known = services.map { "`\($0.name)`" }.joined(separator: ", ")
    throw Diagnostic(
      code: "unknown-service", "no service `\(name)` that serves a model",
      hints: services.isEmpty ? [Recipe.servingHint] : ["these do: \(known)"])
  }
}

/// How `env.yaml` names several servers of one model.
package enum GymListStyle: String, CaseIterable, Sendable {
  /// A YAML list; what Gym's code takes.
  case list
  /// One text with commas; what its page shows, and NeMo Gym 0.7.0 does not split.
  case comma
}

extension GymServices {
  /// NeMo Gym's `env.yaml`: `{policy,judge}_{base_url,api_key,model_name}`. A model of which no
  /// server is ready is left out.
  ///
  /// A key stands as `${oc.env:NAME}`, which Gym's reader takes from its own environment.
  package func environmentYAML(style: GymListStyle) -> String {
    var text = """
      # As `env.yaml` in the folder where Gym is started, or in one that NEMO_GYM_EXTRA_ROOTS names.
      # It wins over configuration files.

      """
    if self.isJoined(style) { text += "# \(Self.commaFault).\n" }
    for (role, service) in self.roles {
      let urls = service.ready.map(\.baseURL)
      switch style {
      case .list:
        text += "\(role)_base_url:\n"
        for url in urls { text += "  - \(YAMLQuoting.quote(url))\n" }
      case .comma:
        text += "\(role)_base_url: \(YAMLQuoting.quote(urls.joined(separator: ",")))\n"
      }
      let key = service.keyName.map { "${oc.env:\($0)}" } ?? "EMPTY"
      text += "\(role)_api_key: \(YAMLQuoting.quote(key))\n"
      text += "\(role)_model_name: \(YAMLQuoting.quote(service.modelName))\n"
    }
    return text
  }

  /// The configuration of Gym's `vllm_model` for each model, which takes key and name from `env.yaml`.
  ///
  /// - Parameter judged: Resources servers that are told to ask the judge, where there is one: their
  ///   own files name the policy. `INSTANCE:TYPE` where the two differ.
  package func modelYAML(judged: [String]) -> String {
    var text = """
      # One configuration more of `gym env start`, after the resources server's own; beside it the
      # env.yaml of `--format nemo-gym`. Gym waits without end for a server that has ended, unless that
      # is started again on its port: `restart: on-failure` in the service of the manifest.

      """
    let hasJudge = self.roles.contains { $0.name == "judge" }
    if hasJudge {
      text += "# Before the resources server's own, the judge silently is the policy.\n"
    }
    for (role, service) in self.roles {
      text += """
        \(role)_model:
          responses_api_models:
            vllm_model:
              entrypoint: app.py
              base_url:

        """
      for endpoint in service.ready {
        text += "        - \(YAMLQuoting.quote(endpoint.baseURL))\n"
      }
      text += """
              api_key: ${\(role)_api_key}
              model: ${\(role)_model_name}
              return_token_id_information: false
              uses_reasoning_parser: \(service.parsesReasoning)

        """
    }
    for name in hasJudge ? judged : [] {
      let parts = name.split(separator: ":", maxSplits: 1)
      text += """
        \(YAMLQuoting.quote(String(parts.first ?? ""))):
          resources_servers:
            \(YAMLQuoting.quote(String(parts.last ?? ""))):
              judge_model_server:
                type: responses_api_models
                name: judge_model

        """
    }
    return text
  }

  /// What of these services Gym 0.7.0 does not get on with.
  package func warnings(style: GymListStyle?) -> [Diagnostic] {
    var warnings: [Diagnostic] = []
    if let style, self.isJoined(style) {
      warnings.append(
        Diagnostic(
          .warning, code: "gym-commas", Self.commaFault, hints: ["write `--style list`"]))
    }
    let taken = self.roles.flatMap(\.service.ready).filter { Self.ports.contains($0.port) }
    if let first = taken.first {
      warnings.append(
        Diagnostic(
          .warning, code: "gym-port",
          "port \(first.port) of `\(first.replica.key)` is among those that Gym takes for its own "
            + "servers, \(Self.ports.lowerBound) to \(Self.ports.upperBound)",
          hints: ["write another `port`, or give Gym `+port_range_low` and `+port_range_high`"]))
    }
    return warnings
  }

  /// Of Gym's servers, its head server among them.
  private static let ports = 10_001...20_000
  private static let commaFault =
    "NeMo Gym 0.7.0 does not split a text with commas: every request goes to one URL that has them"

  private func isJoined(_ style: GymListStyle) -> Bool {
    style == .comma && self.roles.contains { $0.service.ready.count > 1 }
  }

  private var roles: [(name: String, service: ModelService)] {
    [("policy", self.policy), ("judge", self.judge)].compactMap { name, service in
      service.flatMap { $0.ready.isEmpty ? nil : (name, $0) }
    }
  }
}
