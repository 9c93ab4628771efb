import Fleet
import Foundation
import Launch
import Manifest
import Plan
import Recipes
import Testing

@Suite struct PlanDocumentTests {
  @Test func `the same manifest gives the same bytes, and they read back`() throws {
    let plan = try #require(try PlannerTests.result(PlannerTests.cluster).plan)
    let bytes = try plan.canonicalJSON()
    for _ in 0..<20 {
      let again = try #require(try PlannerTests.result(PlannerTests.cluster).plan)
      #expect(try again.canonicalJSON() == bytes)
    }
    #expect(try Plan(json: bytes) == plan)
    #expect(try plan.hash() == SHA256.hex(of: bytes))
    #expect(!bytes.contains(10))
  }

  @Test func `a plan of one local node has these bytes`() throws {
    let plan = try #require(
      try PlannerTests.result("muster: 1\nname: x\nnodes: [{hosts: n1, link: local}]\n").plan)
    #expect(
      String(decoding: try plan.canonicalJSON(), as: UTF8.self)
        == #"{"name":"x","nodes":[{"labels":{},"link":{"kind":"local"},"name":"n1"}],"#
        + #""secrets":[],"services":[],"version":2}"#)
  }

  @Test func `differences name the fields`() throws {
    let old = try #require(try PlannerTests.result(PlannerTests.cluster).plan)
    var new = old
    new.services[0].replicas[2].launch.argv[1] = "run"
    new.secrets = []
    #expect(try old.differences(from: old) == [])
    #expect(
      try new.differences(from: old) == [
        "`secrets`: [\"HF_TOKEN\"] is now []",
        "`services[0].replicas[2].launch.argv[1]`: \"serve\" is now \"run\"",
      ])
  }

  @Test func `what a manifest holds of secrets is not shown, and warned of`() throws {
    func result(_ key: String) throws -> Planner.Result {
      try PlannerTests.result(
        """
        muster: 1
        nodes: [{hosts: n1, link: {command: [run, --api-key, link-1, "{node}"]}}]
        env: {HF_TOKEN: "over-1", A: "1", ARGS: "--api-key nested-1"}
        services:
          a:
            recipe: vllm
            model: m
            extra_args: [--api-key, k-one-111, "k-\(key)", --seed, 7, --hf-token, EMPTY]
            env: {HF_TOKEN: "hf-\(key)", OPENAI_API_KEY: EMPTY, SSL_KEY: /etc/key}
          b: {recipe: command, argv: [b], probe: {exec: [ask, "--api-key=p,1"]}}
        """)
    }
    let one = try result("two-222")
    #expect(
      one.diagnostics.map(\.code)
        == ["written-secret", "secret-argument", "secret-argument", "written-secret"])
    let plan = try #require(one.plan)
    let shown = String(decoding: try plan.withoutSecrets.canonicalJSON(), as: UTF8.self)
    let table = PlanTable.text(plan.withoutSecrets, hash: try plan.hash())
    for text in [shown, table] {
      let secrets = ["hf-two-222", "k-one-111", "k-two-222", "link-1", "over-1", "nested-1", "p,1"]
      #expect(secrets.filter(text.contains) == [])
      #expect(text.contains("[secret]") && text.contains("--seed"))
    }
    #expect(
      plan.writtenSecrets.map(\.value)
        == ["k-one-111", "k-two-222", "hf-two-222", "p,1", "over-1"])
    let other = try #require(try result("three-33").plan)
    #expect(
      try other.differences(from: plan).allSatisfy {
        $0.hasSuffix(": the secret is now another one")
      })
    #expect(try other.differences(from: plan).count == 2)
  }

  @Test func `a plan of another version is told by that, and not as damaged`() {
    let error = #expect(throws: Diagnostic.self) {
      try Plan(json: Array(#"{"version":1,"name":"x","nodes":7}"#.utf8))
    }
    #expect(error?.summary == "plan has version `1`, and this program reads 2")
    #expect(error?.hints.first?.contains("`down` with that one") == true)
  }

  @Test(arguments: [
    "", "{}", "[1", #"{"version":2,"name":"x","nodes":[],"services":[],"secrets":[]}"#,
  ])
  func `damaged documents are refused`(text: String) {
    #expect(throws: Diagnostic.self) { try Plan(json: Array(text.utf8)) }
  }

  @Test func `a link of every kind reads back`() throws {
    let plan = try #require(
      try PlannerTests.result(
        """
        muster: 1
        nodes: [{hosts: a, link: local}, {hosts: b}, {hosts: c, link: {command: [run, "{node}"]}}]
        """
      ).plan)
    #expect(plan.nodes[2].link == .command(argv: ["run", "c"]))
    #expect(try Plan(json: plan.canonicalJSON()).nodes == plan.nodes)
  }
}
