import Fleet
import Launch
import Plan
import Testing

/// What manifests say of GPUs themselves.
@Suite struct DeviceCheckTests {
  private func result(_ services: String) throws -> Planner.Result {
    try PlannerTests.result("muster: 1\nnodes: n[1-2]\nservices:\n\(services)\n")
  }

  private func told(_ services: String) throws -> [String] {
    let result = try self.result(services)
    #expect(result.plan != nil)
    #expect(result.diagnostics.allSatisfy { $0.severity == .warning && $0.location != nil })
    return result.diagnostics.map(\.summary)
  }

  @Test func `fewer than a replica takes are told at their line`() throws {
    let result = try self.result(
      "  policy: {recipe: vllm, model: m, tensor_parallel: 4, env: {CUDA_VISIBLE_DEVICES: \"0,1\"}}"
    )
    #expect(
      result.diagnostics.map { $0.rendered() } == [
        """
        warning: `CUDA_VISIBLE_DEVICES` shows 2 GPUs, where a replica of `policy` takes 4
          --> m.yaml:4:84
        hint: write as many as `tensor_parallel` and the like take, or leave it out: replicas get GPUs of \
        their own

        """
      ])
  }

  @Test(
    arguments: [
      (
        "recipe: vllm, extra_args: [-tp, 2]", "CUDA_VISIBLE_DEVICES: 0",
        "1 GPU, where a replica of `p` takes 2"
      ),
      (
        "recipe: sglang, extra_args: [--tp, 4]", "HIP_VISIBLE_DEVICES: \"0,1,2\"",
        "3 GPUs, where a replica of `p` takes 4"
      ),
      (
        "recipe: vllm, tensor_parallel: 2", "ROCR_VISIBLE_DEVICES: \"0,0\"",
        "1 GPU, where a replica of `p` takes 2"
      ),
      ("recipe: vllm", "CUDA_VISIBLE_DEVICES: \"\"", "no GPUs, where a replica of `p` takes 1"),
      ("recipe: vllm", "CUDA_VISIBLE_DEVICES: -1", "no GPUs, where a replica of `p` takes 1"),
      (
        "recipe: vllm, tensor_parallel: 2", "CUDA_VISIBLE_DEVICES: \"0,-1,1\"",
        "1 GPU, where a replica of `p` takes 2"
      ),
      (
        "recipe: vllm, tensor_parallel: 2", "CUDA_VISIBLE_DEVICES: \"MIG-a,MIG-b\"",
        "1 GPU, where a replica of `p` takes 2"
      ),
      ("recipe: vllm, tensor_parallel: 2", "CUDA_VISIBLE_DEVICES: \"GPU-a,GPU-b\"", nil),
      ("recipe: vllm, tensor_parallel: 2", "CUDA_VISIBLE_DEVICES: \"2, 3\"", nil),
      ("recipe: vllm", "CUDA_VISIBLE_DEVICES: \"0,1\"", nil),
    ] as [(String, String, String?)])
  func `what a variable shows is held against what is taken`(
    settings: String, variable: String, told: String?
  ) throws {
    let name = variable.prefix { $0 != ":" }
    let expected = told.map { "`\(name)` shows \($0)" }
    let found = try self.told("  p: {model: m, \(settings), on: n1, env: {\(variable)}}")
    #expect(found.filter { $0.contains("shows") } == [expected].compactMap(\.self))
  }

  @Test(arguments: [
    (
      "\"0-3\"",
      "`CUDA_VISIBLE_DEVICES` has `0-3`, which is no device: it and what follows is not seen"
    ),
    (
      "\"0 1\"",
      "`CUDA_VISIBLE_DEVICES` has `0 1`, which is no device: it and what follows is not seen"
    ),
    ("\"1,1\"", "`CUDA_VISIBLE_DEVICES` names a device twice"),
  ])
  func `what is no list of devices is told`(value: String, told: String) throws {
    let found = try self.told(
      "  p: {recipe: vllm, model: m, on: n1, env: {CUDA_VISIBLE_DEVICES: \(value)}}")
    #expect(found.contains(told))
  }

  @Test func `one GPU for two replicas is told once, and one for each is not`() throws {
    func told(_ value: String) throws -> [String] {
      try self.told(
        "  p: {recipe: vllm, model: m, tensor_parallel: 2, replicas: 2, env: {CUDA_VISIBLE_DEVICES: \"\(value)\"}}"
      )
    }
    #expect(try told("0,1") == ["replicas of `p` share GPUs 0, 1 of a node"])
    #expect(try told("{index},{index}2") == [])
    #expect(
      try self.told(
        """
          a: {recipe: vllm, model: m, env: {CUDA_VISIBLE_DEVICES: 3}}
          b: {recipe: vllm, model: m, port: 9000, env: {CUDA_VISIBLE_DEVICES: "2,3"}}
        """) == ["`a` and `b` share GPU 3 of a node"])
  }

  @Test func `GPUs that a list names by index are given to nobody else`() throws {
    func devices(_ first: String) throws -> [String?] {
      let result = try self.result(
        """
          a: {\(first), on: n1}
          b: {recipe: vllm, model: m, port: 9000, tensor_parallel: 2, on: n1}
        """)
      return try #require(result.plan).services[1].replicas.map {
        $0.launch.value(of: "CUDA_VISIBLE_DEVICES")
      }
    }
    #expect(try devices("recipe: vllm, model: m, env: {HIP_VISIBLE_DEVICES: \"0, 1\"}") == ["2,3"])
    #expect(
      try devices("recipe: vllm, model: m, replicas: 2, env: {CUDA_VISIBLE_DEVICES: \"{index}\"}")
        == ["2,3"])
    #expect(try devices("recipe: command, run: x, env: {CUDA_VISIBLE_DEVICES: 1}") == ["0,2"])
    #expect(try devices("recipe: command, run: x, env: {CUDA_VISIBLE_DEVICES: \"\"}") == [nil])
  }

  @Test func `a GPU by its name beside others by their index is told, and two that differ`() throws
  {
    #expect(
      try self.told(
        """
          a: {recipe: vllm, model: m, on: n1, env: {CUDA_VISIBLE_DEVICES: GPU-8f2a}}
          b: {recipe: vllm, model: m, port: 9000, on: n1}
        """) == [
          "which GPU `CUDA_VISIBLE_DEVICES` names is not known here: another service may get it too"
        ])
    func told(_ other: String) throws -> [String] {
      try self.told(
        "  a: {recipe: vllm, model: m, on: n1, env: {CUDA_VISIBLE_DEVICES: 0, HIP_VISIBLE_DEVICES: \(other)}}"
      )
    }
    #expect(
      try told("1") == ["`CUDA_VISIBLE_DEVICES` and `HIP_VISIBLE_DEVICES` name other devices"])
    #expect(try told("0") == [])
  }
}
