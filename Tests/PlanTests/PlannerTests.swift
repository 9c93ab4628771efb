import Fleet
import Launch
import Manifest
import Plan
import Recipes
import Testing

@Suite struct PlannerTests {
  static let context = PlanContext(home: "/home/me", user: "me", manifestFolder: "/job")

  static func result(_ text: String) throws -> Planner.Result {
    let (manifest, faults) = ManifestReader.read(text, file: "m.yaml")
    #expect(faults.map { $0.rendered() } == [])
    return Planner.plan(try #require(manifest), context: Self.context)
  }

  static let cluster = """
    muster: 1
    name: eval
    ssh: {identity: keys/id, known_hosts: ~/.ssh/known_hosts}
    nodes: gpu[01-03]
    env: {A: "1", TRITON_CACHE_DIR: /mine}
    secrets: [HF_TOKEN]
    caches: {root: /local}
    services:
      judge: {recipe: command, on: gpu03, after: policy, run: "echo {node} {rank} ${HOME}", env: {A: "2"}}
      policy: {recipe: vllm, on: "gpu[01-02]", replicas: 2, model: m, tensor_parallel: 2, port: 7000}
    work: {num_examples: -1}
    """

  @Test func `replicas get their node, ports, GPUs and caches`() throws {
    let plan = try #require(try Self.result(Self.cluster).plan)
    #expect(plan.services.map(\.name) == ["policy", "judge"])
    let policy = plan.services[0].replicas
    #expect(policy.map(\.node) == ["gpu01", "gpu01", "gpu02", "gpu02"])
    #expect(policy.map(\.index) == [0, 1, 2, 3])
    #expect(policy.map(\.launch.ports) == [[7000], [7001], [7000], [7001]])
    #expect(policy[1].launch.probe == nil)
    #expect(policy[1].launch.model?.port == 7001)
    #expect(policy[1].launch.model?.model == "m")
    #expect(policy[1].launch.argv.suffix(4) == ["--port", "7001", "--tensor-parallel-size", "2"])
    #expect(policy[0].launch == policy[2].launch)
    let second = policy[1].launch.environment
    #expect(second.first { $0.name == "CUDA_VISIBLE_DEVICES" }?.value == "2,3")
    #expect(second.first?.value.contains("/engine-1/vllm") == true)
    #expect(second.first { $0.name == "TRITON_CACHE_DIR" }?.value == "/mine")
    #expect(!policy[1].launch.folders.contains { $0.contains("triton") || $0 == "/mine" })
    #expect(Set(second.map(\.name)).count == second.count)
    let judge = plan.services[1].replicas[0].launch
    #expect(judge.argv == ["/bin/sh", "-c", "echo gpu03 0 ${HOME}"])
    #expect(judge.environment.last == EnvironmentVariable("A", "2"))
    #expect(judge.secrets == ["HF_TOKEN"])
    #expect(plan.work == WorkSettings())
  }

  @Test func `placeholders of a probe are those of its replica`() throws {
    let plan = try #require(
      try Self.result(
        """
        muster: 1
        nodes: gpu[01-02]
        services:
          a: {recipe: command, run: x, port: 80, probe: {exec: [check, "{node}", "p{port}"]}}
          b: {recipe: command, run: x, probe: {log: "{node} is up"}}
        """
      ).plan)
    let probes = plan.services.map { $0.replicas.map(\.launch.probe) }
    #expect(
      probes[0] == [
        .exec(argv: ["check", "gpu01", "p80"]), .exec(argv: ["check", "gpu02", "p80"]),
      ])
    #expect(probes[1][0] == .log(contains: "gpu01 is up"))
  }

  /// Left to themselves, all of them would take GPU 0 and those after it.
  @Test func `services that share a node get GPUs of their own, unless they say which they take`()
    throws
  {
    let text = """
      muster: 1
      nodes: gpu[01-02]
      services:
        policy: {recipe: vllm, model: m, tensor_parallel: 2, replicas: 2, port: 7000, on: gpu01}
        judge: {recipe: vllm, model: j, extra_args: [-tp, "4"], port: 8000, on: gpu01}
        fixed: {recipe: vllm, model: f, port: 9000, on: gpu01, env: {CUDA_VISIBLE_DEVICES: "1"}}
        plain: {recipe: command, run: "sleep 1", on: gpu01}
        alone: {recipe: vllm, model: a, tensor_parallel: 8, on: gpu02}
      """
    let plan = try #require(try Self.result(text).plan)
    let devices = Dictionary(
      uniqueKeysWithValues: plan.services.map { service in
        let values = service.replicas.map { replica in
          replica.launch.environment.first { $0.name == "CUDA_VISIBLE_DEVICES" }?.value
        }
        return (service.name, values)
      })
    #expect(
      devices == [
        "policy": ["0,2", "3,4"], "judge": ["5,6,7,8"], "fixed": ["1"], "plain": [nil],
        "alone": [nil],
      ])
  }

  @Test func `an override of a cache variable is noted`() throws {
    #expect(
      try Self.result(Self.cluster).notes == [
        "service `policy`: `TRITON_CACHE_DIR` is the manifest's, not under `caches.root`",
        "service `judge`: `TRITON_CACHE_DIR` is the manifest's, not under `caches.root`",
      ])
  }

  @Test func `paths are absolute`() throws {
    let plan = try #require(try Self.result(Self.cluster).plan)
    guard case .ssh(let settings) = plan.nodes[0].link else {
      Issue.record("gpu01 is not reached over ssh")
      return
    }
    #expect(settings.user == "me")
    #expect(settings.identityFiles == ["/job/keys/id"])
    #expect(settings.knownHostsFiles == ["/home/me/.ssh/known_hosts"])
  }

  @Test func `two services on one port of a node are a fault`() throws {
    let result = try Self.result(
      """
      muster: 1
      nodes: n[1-2]
      services:
        a: {recipe: vllm, model: m, replicas: 2}
        b: {recipe: vllm, model: m, port: 8001}
      """)
    #expect(result.plan == nil)
    #expect(
      result.diagnostics.first?.rendered() == """
        error: services `a` and `b` share port `8001`
          --> m.yaml:5:37
          caused by: first on node n1
        hint: give `b` another `port`; replica k of a node gets port + k

        """)
  }

  @Test func `replicas know their head and where other services answer`() throws {
    let plan = try #require(
      try Self.result(
        """
        muster: 1
        nodes: [{hosts: n1, address: 10.0.0.1}, {hosts: n2, address: 10.0.0.2}]
        services:
          gym: {recipe: command, port: 9000, run: "gym {head.address}:{head.port} {endpoints.policy}"}
          policy: {recipe: vllm, model: m, port: 8000}
        """
      ).plan)
    let gym = plan.services.first { $0.name == "gym" }
    #expect(
      gym?.replicas.map { $0.launch.argv.last } == [
        "gym 10.0.0.1:9000 http://10.0.0.1:8000/v1,http://10.0.0.2:8000/v1",
        "gym 10.0.0.1:9000 http://10.0.0.1:8000/v1,http://10.0.0.2:8000/v1",
      ])
    let policy = plan.services.first { $0.name == "policy" }
    #expect(
      policy?.replicas.map { $0.launch.environment.first { $0.name == "VLLM_HOST_IP" }?.value }
        == ["10.0.0.1", "10.0.0.2"])
  }

  @Test func `restarts, cores and metrics come from the service`() throws {
    let plan = try #require(
      try Self.result(
        """
        muster: 1
        nodes: n1
        exporters: [{name: dcgm, port: 9400}]
        services:
          a: {recipe: vllm, model: m, replicas: 2, restart: on-failure, cores: split}
          b: {recipe: command, run: b, restart: {budget: 7}, metrics: {port: 9100}}
          c: {recipe: command, run: c, restart: never}
        """
      ).plan)
    let launches = Dictionary(
      uniqueKeysWithValues: plan.services.map { ($0.name, $0.replicas.map(\.launch)) })
    #expect(launches["a"]?.map(\.restartCountMax) == [3, 3])
    let variable = "VLLM_CPU_OMP_THREADS_BIND"
    #expect(
      launches["a"]?.map(\.cores) == [
        CoreShare(index: 0, count: 2, variable: variable),
        CoreShare(index: 1, count: 2, variable: variable),
      ])
    #expect(launches["b"]?.first?.restartCountMax == 7)
    #expect(launches["b"]?.first?.metrics == .init(port: 9100, path: "/metrics"))
    #expect(launches["c"]?.first?.restartCountMax == nil)
    #expect(
      plan.exporters == [.init(name: "dcgm", port: 9400, path: "/metrics", nodes: ["n1"])])
  }

  @Test(arguments: [
    ("folder: work", "a folder is not an absolute path"),
    ("probe: {log: \"\"}", "a log probe without a text"),
    ("probe: {exec: []}", "an exec probe without a program"),
    ("replicas: 2, metrics: {port: 65535}", "metrics need a port and a path"),
  ])
  func `what an agent would refuse is told before it is asked`(keys: String, reason: String) throws
  {
    let result = try Self.result(
      "muster: 1\nnodes: n1\nservices: {a: {recipe: command, run: b, \(keys)}}\n")
    #expect(result.plan == nil)
    #expect(result.diagnostics.map(\.code) == ["wrong-launch"])
    #expect(result.diagnostics.first?.summary == "service `a` cannot be started: \(reason)")
    #expect(result.diagnostics.first?.location?.line == 3)
  }

  @Test func `an unknown placeholder is a fault with its place`() throws {
    let result = try Self.result(
      "muster: 1\nnodes: n1\nservices: {a: {recipe: command, run: \"echo {nod}\"}}\n")
    #expect(
      result.diagnostics.map { $0.rendered() } == [
        """
        error: `{nod}` stands for nothing here
          --> m.yaml:3:38
        hint: known: `{node}`, `{address}`, `{rank}`, `{index}`, `{head.node}`, `{head.address}`; \
        `{{nod}}` is the literal text

        """
      ])
  }

  @Test(arguments: [
    ("{node}:{port}", "n7:9"), ("${node}", "${node}"), ("{\"a\":[1]}", "{\"a\":[1]}"),
    ("{{node}}", "{node}"), ("{}", "{}"), ("{{}}", "{{}}"), ("{", "{"), ("a{index}b}", "a1b}"),
    ("{{\"a\": {rank}}}", "{{\"a\": 3}}"),
  ])
  func `placeholders leave other braces alone`(text: String, expanded: String) throws {
    let placeholders = Placeholders(node: "n7", address: "a", rank: 3, index: 1, port: 9)
    #expect(try placeholders.expand(text) == expanded)
  }
}
