import Fleet
import Launch
import Manifest
import Recipes
import Testing

/// Arguments, names, keys and variables as manifests of the field have them.
@Suite struct FieldManifestTests {
  private func template(
    _ settings: String, nodes: String = "n1", env: String = "{}"
  ) throws -> (LaunchSpecification?, [Diagnostic]) {
    let (manifest, faults) = ManifestReader.read(
      "muster: 1\nnodes: \(nodes)\nenv: \(env)\nservices:\n  s: {model: m, \(settings)}\n",
      file: "m.yaml")
    #expect(faults.map { $0.rendered() } == [])
    let service = try #require(manifest?.services.first)
    var found = ManifestFaults()
    return (Recipe.templates(for: service, faults: &found)?.first?.launch, found.sorted)
  }

  private func arguments(_ extra: String) throws -> [String] {
    let (launch, faults) = try self.template("recipe: vllm, extra_args: \(extra)")
    #expect(faults.map { $0.rendered() } == [])
    let argv = try #require(launch?.argv)
    return Array(argv[(try #require(argv.firstIndex(of: "{port}")) + 1)...])
  }

  // MARK: Arguments in one text

  @Test(
    arguments: [
      (
        "--max-num-batched-tokens 16384 --enforce-eager",
        ["--max-num-batched-tokens", "16384", "--enforce-eager"]
      ),
      ("[--max-num-batched-tokens 16384]", ["--max-num-batched-tokens", "16384"]),
      ("['-dp 2', --enforce-eager]", ["-dp", "2", "--enforce-eager"]),
      ("['--enforce-eager ']", ["--enforce-eager"]),
      ("\"--chat-template '/a b.jinja' --x\"", ["--chat-template", "/a b.jinja", "--x"]),
      ("[\"--cfg '{\\\"level\\\": 3}'\"]", ["--cfg", "{\"level\": 3}"]),
      ("['--cfg={\"level\": 3}']", ["--cfg={\"level\": 3}"]),
      ("[--chat-template, 'a b']", ["--chat-template", "a b"]),
      ("[--x, '- a b']", ["--x", "- a b"]), ("--enforce-eager", ["--enforce-eager"]),
      ("[--seed, 1]", ["--seed", "1"]),
      ("\"--a 1 \\\\\\n --b 2\"", ["--a", "1", "--b", "2"]),
      ("--max-model-len=4096 --enforce-eager", ["--max-model-len=4096", "--enforce-eager"]),
    ] as [(String, [String])])
  func `a flag and its value in one text are parted`(extra: String, words: [String]) throws {
    #expect(try self.arguments(extra) == words)
  }

  @Test(arguments: [
    "['--cfg {\"level\": 3}']", "[\"--a 'b\"]", "['--max-model-len = 4096']", "['--cfg {a: 3}']",
  ])
  func `what a shell would part in another way than it is meant is refused`(extra: String) throws {
    let (_, faults) = try self.template("recipe: vllm, extra_args: \(extra)")
    #expect(faults.filter { $0.severity == .error }.map(\.code) == ["one-word"])
    #expect(faults.first?.location?.line == 5)
  }

  @Test func `several flags in an entry with its value are told`() throws {
    let (_, faults) = try self.template("recipe: vllm, extra_args: ['--a=1 --enforce-eager']")
    #expect(faults.map(\.code) == ["one-word"])
    let (_, json) = try self.template("recipe: vllm, extra_args: ['--a={\"b\": \"c --d\"}']")
    #expect(json.isEmpty)
  }

  // MARK: Served names

  @Test(
    arguments: [
      (
        "served_model_name: [flash-0731, flash]", ["--served-model-name", "flash-0731", "flash"],
        "flash-0731"
      ),
      ("served_model_name: flash", ["--served-model-name", "flash"], "flash"),
      (
        "extra_args: [--served-model-name, a, b, --seed, 1]", ["--served-model-name", "a", "b"], "a"
      ),
      ("extra_args: [--served_model_name=a]", ["--served_model_name=a"], "a"),
      ("port: 1", ["--served-model-name", "m"], "m"),
    ] as [(String, [String], String)])
  func `of several names the first is asked for`(
    settings: String, words: [String], name: String
  ) throws {
    let (launch, faults) = try self.template("recipe: vllm, \(settings)")
    #expect(faults.map { $0.rendered() } == [])
    let argv = try #require(launch?.argv)
    let places = argv.indices.filter { argv[$0].hasPrefix("--served") }
    #expect(places.count == 1)
    #expect(Array(argv[try #require(places.first)...].prefix(words.count)) == words)
    #expect(launch?.model?.model == name)
  }

  @Test func `names in both places are told`() throws {
    let (_, faults) = try self.template(
      "recipe: vllm, served_model_name: a, extra_args: [--served-model-name, b]")
    #expect(faults.map(\.code) == ["flag-twice"])
  }

  // MARK: Keys

  @Test func `several keys make a server ready, and are warned of`() throws {
    let (launch, faults) = try self.template(
      "recipe: vllm, extra_args: [--api-key, k-one-111, k-two-222]")
    #expect(
      faults.map { $0.rendered() } == [
        """
        warning: `extra_args` has the value of `--api-key`: every user of the node can read it, and it is \
        written down
          --> m.yaml:5:43
        hint: write `secrets: [VLLM_API_KEY]`, and set it where you run `muster`

        """
      ])
    let argv = try #require(launch?.argv)
    #expect(launch?.model?.key(argv: argv, environment: [:]) == "k-one-111")
    let (_, other) = try self.template("recipe: vllm, extra_args: [--hf-token=x]")
    #expect(other.map(\.hints) == [["hand it over by a variable that `secrets` names"]])
  }

  /// The engine takes it from its arguments alone.
  @Test func `a key in the manifest's variables is the service's too`() throws {
    let (launch, _) = try self.template("recipe: sglang", env: "{SGLANG_API_KEY: k}")
    #expect(launch?.argv.prefix(2) == ["python3", "-c"])
  }

  @Test func `a command's arguments are looked at for keys`() throws {
    let (manifest, _) = ManifestReader.read(
      "muster: 1\nnodes: n1\nservices: {s: {recipe: command, argv: [serve, --api-key, k]}}\n",
      file: "m.yaml")
    var found = ManifestFaults()
    _ = Recipe.templates(for: try #require(manifest?.services.first), faults: &found)
    #expect(found.sorted.map(\.code) == ["secret-argument"])
  }

  // MARK: Variables that mean something else

  @Test(
    arguments: [
      ("{VLLM_PORT: 9000}", "the port of its API too"),
      ("{VLLM_PORT: 9001}", "the port of its API too"),
      ("{VLLM_PORT: \"{port}\"}", "the port of its API too"),
      ("{VLLM_PORT: \"tcp://10.1.2.3:8000\"}", "`tcp://10.1.2.3:8000`, which is no port"),
      ("{VLLM_PORT: 9002}", nil), ("{VLLM_PORT: 20000}", nil),
      ("{VLLM_PORT: \"2{index}000\"}", nil),
    ] as [(String, String?)])
  func `the port of vLLM's own sockets is not that of its API`(env: String, told: String?) throws {
    let (_, faults) = try self.template("recipe: vllm, port: 9000, replicas: 2", env: env)
    #expect(
      faults.map(\.summary)
        == [told].compactMap(\.self).map {
          "`VLLM_PORT` is \($0): it says where vLLM's own sockets begin"
        })
    #expect(faults.allSatisfy { $0.severity == .warning && $0.location?.line == 3 })
  }

  @Test(arguments: [
    ("vllm", "{VLLM_HOST_IP: 0.0.0.0}", "n1", true),
    ("vllm", "{VLLM_HOST_IP: 10.0.0.1}", "n1", false),
    ("vllm", "{VLLM_HOST_IP: 10.0.0.1}", "n[1-2]", true),
    ("vllm", "{VLLM_HOST_IP: \"{address}\"}", "n[1-2]", false),
    ("sglang", "{SGLANG_HOST_IP: \"::\"}", "n1", true),
  ])
  func `a node's own address is not where a server listens`(
    recipe: String, env: String, nodes: String, isTold: Bool
  ) throws {
    let (_, faults) = try self.template("recipe: \(recipe)", nodes: nodes, env: env)
    #expect(faults.map(\.code) == (isTold ? ["misread-variable"] : []))
  }
}
