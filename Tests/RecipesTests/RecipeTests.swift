import Fleet
import Launch
import Manifest
import Recipes
import Testing

@Suite struct RecipeTests {
  private func template(_ settings: String) throws -> (LaunchTemplate?, [Diagnostic]) {
    let (manifest, faults) = ManifestReader.read(
      "muster: 1\nnodes: n1\nservices:\n  s: {\(settings)}\n", file: "m.yaml")
    #expect(faults.map { $0.rendered() } == [])
    let service = try #require(manifest?.services.first)
    var found = ManifestFaults()
    let templates = Recipe.templates(for: service, faults: &found)
    #expect(templates?.count ?? 1 == 1)
    return (templates?.first, found.sorted)
  }

  @Test func `vllm becomes its command line`() throws {
    let (template, faults) = try self.template(
      """
      recipe: vllm, model: org/m, served_model_name: policy, tensor_parallel: 4, max_num_seqs: 16,
      max_model_len: 4096, cudagraph_capture_sizes: [1, 2, 4], gpu_memory_utilization: 0.90,
      enable_prefix_caching: true, enable_auto_tool_choice: true, tool_call_parser: hermes,
      port: 7000, extra_args: [--seed, 1]
      """)
    #expect(faults.isEmpty)
    #expect(
      ShellQuoting.join(template?.launch.argv ?? [])
        == "vllm serve org/m --served-model-name policy --port '{port}' --tensor-parallel-size 4 "
        + "--gpu-memory-utilization 0.90 --max-num-seqs 16 --max-model-len 4096 "
        + "--cudagraph-capture-sizes 1 2 4 --enable-prefix-caching --enable-auto-tool-choice "
        + "--tool-call-parser hermes --seed 1")
    #expect(
      template?.launch.readiness
        == .canary(ModelServer(port: 7000, model: "policy", keyVariable: "VLLM_API_KEY")))
    #expect(template?.launch.ports == [7000])
    #expect(template?.launch.devices?.count == 4)
  }

  @Test func `vllm without settings asks for its model and serves it under its name`() throws {
    let (none, faults) = try self.template("recipe: vllm")
    #expect(none == nil)
    #expect(faults.map(\.code) == ["no-model"])
    let (template, _) = try self.template("recipe: vllm, model: m, executable: ./stub")
    #expect(
      template?.launch.argv == [
        "./stub", "serve", "m", "--served-model-name", "m", "--port", "{port}",
      ])
    let (off, _) = try self.template("recipe: vllm, model: m, enable_prefix_caching: false")
    #expect(off?.launch.argv.last == "--no-enable-prefix-caching")
  }

  @Test(arguments: [
    ("recipe: vllm, model: m, enable_auto_tool_choice: true", "error no-tool-parser 4:56"),
    ("recipe: vllm, model: m, tool_call_parser: hermes", "warning unused-tool-parser 4:49"),
    (
      "recipe: vllm, model: m, max_num_seqs: 4, cudagraph_capture_sizes: [1, 8]",
      "warning unused-capture-size 4:73"
    ),
    ("recipe: vllm, model: m, gpu_memory_utilization: 1.5", "error out-of-range 4:55"),
    ("recipe: vllm, model: m, tensor_parallel: 0", "error out-of-range 4:48"),
    ("recipe: vllm, model: m, extra_args: [--port=1]", "error flag-twice 4:43"),
    ("recipe: vllm, model: m, extra_args: [--por, 1]", "error flag-twice 4:43"),
    ("recipe: vllm, model: m, extra_args: [--model=n]", "error unaskable 4:43"),
    (
      "recipe: vllm, model: m, tensor_parallel: 2, extra_args: [-tp, 4]", "error flag-twice 4:63"
    ),
    (
      "recipe: vllm, model: m, enable_prefix_caching: true, extra_args: [--no_enable-prefix]",
      "error flag-twice 4:72"
    ),
    ("recipe: vllm, model: m, extra_args: [--ssl-certfile, a]", "error unaskable 4:43"),
    ("recipe: vllm, model: m, extra_args: [--uds=/x]", "error unaskable 4:43"),
    ("recipe: vllm, model: m, max_num_seq: 1", "error unknown-key 4:31"),
    ("recipe: commnd", "error unknown-recipe 4:15"),
    ("recipe: command", "error no-command 4:3"),
    ("recipe: command, argv: []", "error no-command 4:30"),
    ("recipe: command, argv: [\"\", a]", "error no-command 4:30"),
    ("recipe: command, run: a, argv: [b]", "error argv-and-run 4:29"),
    ("recipe: command, run: a, probe: {http: /x}", "error no-port 4:46"),
    ("recipe: command, run: a, port: 1, probe: {http: x}", "error wrong-path 4:55"),
    ("recipe: command, run: a, port: 1, probe: {http: /é}", "error wrong-path 4:55"),
    ("recipe: command, run: a, probe: {tcp: 1, log: a}", "error several-probes 4:39"),
    ("recipe: command, run: a, probe: {}", "error no-probe 4:39"),
    ("recipe: command, run: a, task: 1", "error wrong-type 4:38"),
    ("recipe: command, argv: sleep 5", "error one-word 4:30"),
    ("recipe: command, argv: [sleep 5]", "error one-word 4:30"),
    ("recipe: command, run: a, probe: {exec: curl -f x}", "error one-word 4:46"),
    ("recipe: vllm, model: m, executable: uv run vllm", "error one-word 4:43"),
    ("recipe: vllm, model: m, extra_args: [–seed, 1]", "error wrong-dash 4:43"),
    ("recipe: vllm, model: m, host: '[::1]'", "error wrong-address 4:37"),
  ])
  func `a wrong setting has its place`(settings: String, told: String) throws {
    let (_, faults) = try self.template(settings)
    #expect(
      faults.map {
        "\($0.severity) \($0.code) \($0.location?.line ?? 0):\($0.location?.column ?? 0)"
      } == [told])
  }

  @Test(arguments: [
    ("port: 80, probe: {http: /health}", ReadinessProbe.http(port: 80, path: "/health")),
    ("probe: {http: {port: 81, path: /x}}", .http(port: 81, path: "/x")),
    ("probe: {tcp: 90}", .tcp(port: 90)), ("probe: {log: is up}", .log(contains: "is up")),
    ("probe: {exec: [test, -e, x]}", .exec(argv: ["test", "-e", "x"])),
  ])
  func `a command declares its probe`(settings: String, probe: ReadinessProbe) throws {
    let (template, faults) = try self.template("recipe: command, run: sleep 1, \(settings)")
    #expect(faults.isEmpty)
    #expect(template?.launch.probe == probe)
    #expect(template?.launch.argv == ["/bin/sh", "-c", "sleep 1"])
  }

  @Test func `a server of a model is described, with the place of its key`() throws {
    let (template, _) = try self.template(
      """
      recipe: vllm, model: /models/m, host: 10.0.0.5, port: 7000, secrets: [],
      extra_args: [--reasoning-parser, x, --api_key=k1, --tensor_parallel_size=2, -dp, 2]
      """)
    let launch = try #require(template?.launch)
    let model = try #require(launch.model)
    #expect(model.host == "10.0.0.5" && model.parsesReasoning)
    #expect(model.key(argv: launch.argv, environment: ["VLLM_API_KEY": "other"]) == "k1")
    #expect(launch.keyVariable == "VLLM_API_KEY" && launch.neededFolders == ["/models/m"])
    #expect(launch.devices?.count == 4)
    #expect(template?.addressVariables == ["VLLM_HOST_IP"])
    let (open, _) = try self.template("recipe: vllm, model: m, extra_args: [--host, '::1']")
    #expect(open?.launch.model?.host == "::1" && open?.launch.keyVariable == nil)
  }
}
