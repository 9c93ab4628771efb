import Coordinator
import Fleet
import FleetView
import Health
import Launch
import Manifest
import Plan
import Recipes
import Testing

/// Which model servers are ready, and how NeMo Gym is told.
struct ModelEndpointsTests {
  static func service(
    _ name: String, model: String = "tiny", nodes: [String] = ["n1", "n2"], secrets: [String] = [],
    parsesReasoning: Bool = false
  ) -> Plan.Service {
    Plan.Service(
      name: name, recipe: "vllm",
      replicas: nodes.enumerated().map { index, node in
        var server = ModelServer(port: 8000 + index, model: model, keyVariable: "VLLM_API_KEY")
        server.parsesReasoning = parsesReasoning
        return Plan.Replica(
          index: index, node: node,
          launch: LaunchSpecification(argv: ["vllm"], secrets: secrets, model: server))
      })
  }

  static func plan(_ services: [Plan.Service]) -> Plan {
    var ssh = SSHSpecification()
    (ssh.host, ssh.user) = ("10.0.0.7", "me")
    return Plan(
      name: "test",
      nodes: [
        Plan.Node(name: "n1", link: .ssh(ssh)),
        Plan.Node(name: "n2", link: .command(argv: ["srun"])),
      ], services: services)
  }

  static func report(_ service: String, _ index: Int, _ state: String) throws -> ReplicaReport {
    ReplicaReport(
      node: "n\(index + 1)", key: ReplicaKey(service: service, index: index),
      state: try #require(.init(rawValue: state)))
  }

  static func url(_ place: String) -> String { "http://\(place)/v1" }

  /// What a YAML reader makes of a text: scalars and lists of them, by their dotted keys.
  static func read(_ text: String) throws -> [String: [String]] {
    var values: [String: [String]] = [:]
    func walk(_ value: ManifestValue, _ path: String) {
      switch value.content {
      case .scalar(let text, _): values[path, default: []].append(text)
      case .list(let items): for item in items { walk(item, path) }
      case .mapping(let entries):
        for entry in entries {
          walk(entry.value, path.isEmpty ? entry.key : "\(path).\(entry.key)")
        }
      }
    }
    walk(try ManifestYAML.parse(text, file: "env.yaml"), "")
    return values
  }

  @Test func `a ready or busy replica has an address as its node has; others are missing`() throws {
    let services = ModelService.all(
      of: Self.plan([Self.service("policy", nodes: ["n1", "n2", "n1"])]),
      reports: [
        try Self.report("policy", 0, "ready"), try Self.report("policy", 1, "busy"),
        try Self.report("policy", 2, "stalled"),
      ])
    let policy = try #require(services.first)
    #expect(policy.ready.map(\.baseURL) == [Self.url("10.0.0.7:8000"), Self.url("n2:8001")])
    #expect(policy.missing.map(\.replica.key.index) == [2])
  }

  @Test func `env yaml has six keys, and a YAML reader gives each back`() throws {
    let model = "a \"quoted\"\\ model: # no comment\u{2028}'{${x}"
    let services = ModelService.all(
      of: Self.plan([
        Self.service("policy", model: model, secrets: ["VLLM_API_KEY"]),
        Self.service("judge", nodes: ["n2"]),
      ]),
      reports: [
        try Self.report("policy", 0, "ready"), try Self.report("policy", 1, "ready"),
        try Self.report("judge", 0, "ready"),
      ])
    let gym = try GymServices(services, policy: nil, judge: nil)
    let list = try Self.read(gym.environmentYAML(style: .list))
    #expect(
      list == [
        "policy_base_url": [Self.url("10.0.0.7:8000"), Self.url("n2:8001")],
        "policy_api_key": ["${oc.env:VLLM_API_KEY}"], "policy_model_name": [model],
        "judge_base_url": [Self.url("n2:8000")], "judge_api_key": ["EMPTY"],
        "judge_model_name": ["tiny"],
      ])
    let comma = try Self.read(gym.environmentYAML(style: .comma))
    #expect(comma["policy_base_url"] == [Self.url("10.0.0.7:8000") + "," + Self.url("n2:8001")])
    #expect(gym.environmentYAML(style: .list).hasPrefix("# As `env.yaml` in"))
    #expect(!gym.environmentYAML(style: .list).contains("0.7.0"))
    #expect(gym.environmentYAML(style: .comma).contains("# NeMo Gym 0.7.0 does not split"))
    #expect(gym.warnings(style: .comma).map(\.code) == ["gym-commas"])
    #expect(gym.warnings(style: .list).isEmpty)
  }

  @Test func `a key among the arguments is told to who reads the variable`() {
    var plan = Self.plan([
      Self.service("policy"), Self.service("judge", secrets: ["VLLM_API_KEY"]),
    ])
    for index in plan.services[0].replicas.indices {
      plan.services[0].replicas[index].launch.model?.keyArgument = 0
    }
    let services = ModelService.all(of: plan, reports: [])
    #expect(services.map(\.keyName) == ["VLLM_API_KEY", "VLLM_API_KEY"])
    #expect(
      services.keyNotes == [
        "the key of `policy` stands among its arguments: set VLLM_API_KEY to it where this is read, or "
          + "better use `secrets: [VLLM_API_KEY]`"
      ])
  }

  @Test func `the model configuration has its six keys, and the judge is its own`() throws {
    let services = ModelService.all(
      of: Self.plan([
        Self.service("policy", parsesReasoning: true),
        Self.service("judge", nodes: ["n2"]),
      ]),
      reports: [try Self.report("policy", 0, "ready"), try Self.report("judge", 0, "ready")])
    let gym = try GymServices(services, policy: nil, judge: nil)
    let text = gym.modelYAML(judged: ["equivalence_llm_judge", "math_with_judge:math"])
    #expect(text.hasPrefix("# One configuration more") && text.contains("restart: on-failure"))
    let values = try Self.read(text)
    let policy = "policy_model.responses_api_models.vllm_model."
    #expect(values.keys.filter { $0.hasPrefix(policy) }.count == 6)
    #expect(values[policy + "base_url"] == [Self.url("10.0.0.7:8000")])
    #expect(values[policy + "model"] == ["${policy_model_name}"])
    #expect(values[policy + "return_token_id_information"] == ["false"])
    #expect(values[policy + "uses_reasoning_parser"] == ["true"])
    let judge = "judge_model.responses_api_models.vllm_model."
    #expect(values[judge + "uses_reasoning_parser"] == ["false"])
    #expect(values[judge + "api_key"] == ["${judge_api_key}"])
    let asked = "equivalence_llm_judge.resources_servers.equivalence_llm_judge.judge_model_server"
    #expect(values[asked + ".name"] == ["judge_model"])
    let other = "math_with_judge.resources_servers.math.judge_model_server"
    #expect(values[other + ".name"] == ["judge_model"])
  }

  @Test func `a role without a ready server is left out`() throws {
    let services = ModelService.all(
      of: Self.plan([Self.service("policy"), Self.service("judge")]),
      reports: [try Self.report("policy", 0, "ready"), try Self.report("judge", 0, "failed")])
    let gym = try GymServices(services, policy: nil, judge: nil)
    #expect(!gym.environmentYAML(style: .list).contains("judge"))
    #expect(!gym.modelYAML(judged: ["equivalence_llm_judge"]).contains("judge"))
  }

  @Test(arguments: [(9_999, []), (10_001, ["gym-port"]), (20_000, ["gym-port"]), (20_001, [])])
  func `a port that Gym may take for its own servers is warned of`(port: Int, codes: [String])
    throws
  {
    let server = ModelServer(port: port, model: "tiny", keyVariable: "VLLM_API_KEY")
    let service = Plan.Service(
      name: "policy", recipe: "vllm",
      replicas: [
        Plan.Replica(index: 0, node: "n1", launch: LaunchSpecification(argv: [], model: server))
      ])
    let services = ModelService.all(
      of: Self.plan([service]), reports: [try Self.report("policy", 0, "ready")])
    let gym = try GymServices(services, policy: nil, judge: nil)
    #expect(gym.warnings(style: .comma).map(\.code) == codes)
  }

  @Test func `one service alone is the policy; several need a name, and a wrong one is told`()
    throws
  {
    let one = ModelService.all(of: Self.plan([Self.service("chat")]), reports: [])
    #expect(try GymServices(one, policy: nil, judge: nil).policy?.name == "chat")
    let two = ModelService.all(
      of: Self.plan([Self.service("chat"), Self.service("other")]), reports: [])
    #expect(throws: Diagnostic.self) { try GymServices(two, policy: nil, judge: nil) }
    #expect(throws: Diagnostic.self) { try GymServices(two, policy: "chta", judge: nil) }
    #expect(try GymServices(two, policy: nil, judge: "other").policy?.name == "chat")
  }
}
