import Fleet
import Launch
import Manifest
import Recipes
import Testing

@Suite struct SGLangTests {
  private func template(_ settings: String) throws -> (LaunchTemplate?, [Diagnostic]) {
    let (manifest, faults) = ManifestReader.read(
      "muster: 1\nsecrets: [SGLANG_API_KEY]\nnodes: n1\nservices:\n  s: {recipe: sglang, \(settings)}\n",
      file: "m.yaml")
    #expect(faults.map { $0.rendered() } == [])
    let service = try #require(manifest?.services.first)
    var found = ManifestFaults()
    return (Recipe.templates(for: service, faults: &found)?.first, found.sorted)
  }

  @Test func `sglang becomes its command line`() throws {
    let (template, faults) = try self.template(
      """
      model: org/m, served_model_name: policy, tensor_parallel: 4, max_running_requests: 16,
      context_length: 4096, mem_fraction_static: 0.90, tool_call_parser: qwen25,
      reasoning_parser: qwen3, port: 7000, secrets: [], extra_args: [--random-seed, 1]
      """)
    #expect(faults.isEmpty)
    let launch = try #require(template?.launch)
    #expect(
      ShellQuoting.join(launch.argv)
        == "python3 -m sglang.launch_server --model-path org/m --served-model-name policy "
        + "--host 0.0.0.0 --port '{port}' --enable-metrics --tp-size 4 "
        + "--mem-fraction-static 0.90 --max-running-requests 16 --context-length 4096 "
        + "--tool-call-parser qwen25 --reasoning-parser qwen3 --random-seed 1")
    guard case .canary(let server) = launch.readiness else {
      Issue.record("\(launch.readiness)")
      return
    }
    #expect(server.port == 7000 && server.model == "policy" && server.healthPath == nil)
    #expect(server.parsesReasoning && !server.listensOnOne)
    #expect(launch.metricsPlace == MetricsPlace(port: 7000, path: "/metrics"))
    #expect(launch.devices?.count == 4 && launch.keyVariable == nil)
    #expect(template?.addressVariables == ["SGLANG_HOST_IP"])
  }

  /// Its arguments can be read by every user of the node.
  @Test func `a key that is a secret is put among the arguments within the process`() throws {
    let (template, _) = try self.template("model: m")
    let launch = try #require(template?.launch)
    #expect(launch.argv[0...1] == ["python3", "-c"])
    #expect(launch.argv[2].contains("os.environ['SGLANG_API_KEY']"))
    #expect(launch.argv[3] == "--model-path")
    // A program that is no Python has to take it by itself, and may not.
    let (own, faults) = try self.template("model: m, executable: ./serve")
    #expect(own?.launch.argv.prefix(3) == ["./serve", "--model-path", "m"])
    #expect(faults.map(\.code) == ["key-not-given"] && faults[0].location?.line == 5)
    let fine = ["executable: ./serve, extra_args: [--api-key=k]", "executable: /opt/python3.11"]
    for settings in fine {
      let (_, found) = try self.template("model: m, \(settings)")
      #expect(!found.contains { $0.code == "key-not-given" })
    }
    let (written, _) = try self.template("model: m, extra_args: [--api-key=k]")
    let argv = try #require(written?.launch.argv)
    #expect(argv[1] == "-m")
    #expect(written?.launch.model?.key(argv: argv, environment: [:]) == "k")
  }

  @Test func `a key of the manifest's own environment is asked for too`() throws {
    let (manifest, _) = ManifestReader.read(
      "muster: 1\nenv: {SGLANG_API_KEY: k}\nnodes: n1\nservices: {s: {recipe: sglang, model: m}}\n",
      file: "m.yaml")
    var faults = ManifestFaults()
    let service = try #require(manifest?.services.first)
    let launch = Recipe.templates(for: service, faults: &faults)?.first?.launch
    #expect(launch?.argv.prefix(2) == ["python3", "-c"])
  }

  @Test(arguments: [
    ("extra_args: [--tp, 2, --dp-size, 3]", 6), ("extra_args: [--pp-size=2]", 2),
    ("tensor_parallel: 8, extra_args: [--dp, 8, --enable-dp-attention]", 8), ("port: 1", 1),
  ])
  func `its GPUs are those of all its ranks`(settings: String, count: Int) throws {
    let (template, _) = try self.template("model: m, \(settings)")
    #expect(template?.launch.devices?.count == count)
  }

  @Test(arguments: [
    ("port: 1", "no-model"), ("model: m, mem_fraction_static: 1", "out-of-range"),
    ("model: m, extra_args: [--port=1]", "flag-twice"),
    ("model: m, extra_args: [--enable_metrics]", "flag-twice"),
    ("model: m, extra_args: [--por=1]", "flag-twice"),
    ("model: m, extra_args: [--model, n]", "flag-twice"),
    ("model: m, tensor_parallel: 2, extra_args: [--tp, 4]", "flag-twice"),
    ("model: m, tensor_parallel: 2, extra_args: [--tensor_par=4]", "flag-twice"),
    ("model: m, extra_args: [--is-embedding]", "unaskable"),
    ("model: m, max_num_seqs: 1", "unknown-key"),
    ("model: m, served_model_name: [a, b]", "several-names"),
    ("model: m, extra_args: [--admin-api-key, k]", "secret-argument"),
  ])
  func `a wrong setting is told`(settings: String, code: String) throws {
    let (_, faults) = try self.template(settings)
    #expect(faults.map(\.code) == [code])
  }
}
