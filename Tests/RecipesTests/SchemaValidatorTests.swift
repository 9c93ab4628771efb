import Fleet
import Foundation
import Manifest
import Recipes
import Testing

/// The JSON Schema in the hands of a validator that is not ours: `jsonschema` and PyYAML of PyPI.
@Suite(.enabled(if: SchemaValidator.isPossible, "needs scripts/validator"))
struct SchemaValidatorTests {
  @Test func `the example manifests are valid`() throws {
    let folder = Self.root.appending(path: "clusters")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let texts = try names.filter { $0.hasSuffix(".yaml") }.map {
      try String(contentsOf: folder.appending(path: $0), encoding: .utf8)
    }.filter { $0.split(separator: "\n").contains("muster: 1") }
    #expect(texts.count >= 3)
    let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    let first = try #require(readme.split(separator: "```yaml\n").dropFirst().first)
    let shown = String(first.prefix(upTo: try #require(first.range(of: "```")).lowerBound))
    let all = texts + [shown, StarterManifest.text(hosts: HostFile(), name: "demo")]
    #expect(try SchemaValidator.verdicts(on: all) == all.map { _ in "valid" })
  }

  @Test func `manifests with faults are refused`() throws {
    let faults = [
      "servces: {}", "services: {a: {recipe: vllm, model: m, port: 70000}}",
      "services: {a: {recipe: vlm, model: m}}", "services: {a: {recipe: vllm}}",
      "services: {a: {recipe: command, model: m, run: x}}",
      "services: {a: {recipe: command, run: x, restart: always}}",
      "services: {a: {recipe: command}}",
      "services: {a: {recipe: command, run: x, probe: {tcp: 1, log: a}}}",
      "work: {difficulty: brutal}", "caches: {root: relative}", "exporters: [{name: dcgm}]",
      "notify: {every: 60}", "ssh: {connect_timeout: soon}", "env: {A-B: 1}",
    ]
    let verdicts = try SchemaValidator.verdicts(
      on: faults.map { "muster: 1\nnodes: n1\n\($0)\n" })
    for (fault, verdict) in zip(faults, verdicts) { #expect(verdict == "refused", "\(fault)") }
    #expect(
      try SchemaValidator.verdicts(on: ["muster: 2\nnodes: n1\n", "muster: 1\n"])
        == ["refused", "refused"])
  }

  @Test func `the schema and the reader agree on every key`() throws {
    let samples = FormSamples().documents
    let verdicts = try SchemaValidator.verdicts(on: samples.map(\.text))
    for (sample, verdict) in zip(samples, verdicts) {
      #expect(
        verdict == (sample.isRight ? "valid" : "refused"), "\(sample.path): \(sample.text)")
    }
  }

  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
}

/// One process of Python for any number of manifests.
enum SchemaValidator {
  /// Whether the validator is installed. Says so where it is not.
  static let isPossible: Bool = {
    if Self.python != nil { return true }
    print("SKIPPED: SchemaValidatorTests: no python3 has jsonschema and PyYAML; scripts/validator")
    return false
  }()

  /// `valid` or `refused`, one a manifest.
  static func verdicts(on manifests: [String]) throws -> [String] {
    let program = """
      import json, re, sys, yaml
      from jsonschema import Draft202012Validator

      # YAML 1.2, as editors read it: `on` and `no` are texts.
      class Loader(yaml.SafeLoader): pass
      Loader.yaml_implicit_resolvers = {
          first: [r for r in resolvers if r[0] != "tag:yaml.org,2002:bool"]
          for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
      Loader.add_implicit_resolver(
          "tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))

      schema, manifests = json.load(sys.stdin)
      Draft202012Validator.check_schema(schema)
      validator = Draft202012Validator(schema)
      for text in manifests:
          print("valid" if validator.is_valid(yaml.load(text, Loader)) else "refused")
      """
    let input = JSONText.array([
      ManifestSchema.document, .array(manifests.map(JSONText.string)),
    ])
    let output = try Self.output(
      of: try #require(Self.python), ["-c", program], input: input.text)
    let verdicts = output.split(separator: "\n").map(String.init)
    try #require(verdicts.count == manifests.count, "\(output)")
    return verdicts
  }

  private static let python: String? = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let own = root.appending(path: ".build-validator/bin/python").path
    return [own, "/usr/bin/env"].first { path in
      (try? Self.output(of: path, ["-c", "import jsonschema, yaml; print(1)"], input: "")) == "1\n"
    }
  }()

  /// Files instead of pipes: neither side ever waits for the other.
  private static func output(
    of program: String, _ arguments: [String], input: String
  ) throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("muster-validator-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (inputFile, outputFile) = (folder.appending(path: "in"), folder.appending(path: "out"))
    try Data(input.utf8).write(to: inputFile)
    try Data().write(to: outputFile)
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = (program.hasSuffix("env") ? ["python3"] : []) + arguments
    process.standardInput = try FileHandle(forReadingFrom: inputFile)
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { return "" }
    return try String(contentsOf: outputFile, encoding: .utf8)
  }
}
