import Fleet
import Launch
import Recipes
import Testing

@testable import Plan

/// What facts of nodes are made of: each test breaks one thing of a healthy cluster.
@Suite struct PreflightCheckTests {
  /// Three nodes with two GPUs each, `policy` on all of them, with compile caches.
  static let plan: Plan = {
    let names = ["gpu1", "gpu2", "gpu3"]
    let cache = EnvironmentVariable("TRITON_CACHE_DIR", "/local/jit/ab/engine-0/triton")
    return Plan(
      name: "test", nodes: names.map { Plan.Node(name: $0, link: .local) },
      services: [
        Plan.Service(
          name: "policy", recipe: "vllm",
          replicas: names.enumerated().map { index, node in
            var launch = LaunchSpecification(
              argv: ["vllm", "serve"], environment: [cache], ports: [8000], folders: [cache.value])
            launch.devices = DeviceNeed(count: 2, variables: ["CUDA_VISIBLE_DEVICES"])
            return Plan.Replica(index: index, node: node, launch: launch)
          })
      ])
  }()

  static func healthy(_ node: String) -> PreflightAnswer {
    var facts = PreflightFacts()
    facts.architecture = "x86_64"
    facts.kernel = "6.1"
    facts.cpus = 64
    facts.memoryTotalBytes = 512 << 30
    facts.gpuProgram = .answered
    facts.gpus = [0, 1].map { index in
      var gpu = PreflightFacts.GPU(index: index, name: "NVIDIA H200", driver: "570.86")
      gpu.uuid = "GPU-\(node)-\(index)"
      gpu.uncorrectedErrors = 0
      return gpu
    }
    facts.xids = []
    facts.cuda = "12.8"
    facts.packages = ["vllm": "0.32.0", "torch": "2.9.0"]
    facts.paths = [
      PreflightFacts.Path("/tmp", fileSystem: "ext4", freeBytes: 100 << 30),
      PreflightFacts.Path(
        "/local/jit/ab/engine-0/triton", fileSystem: "xfs", freeBytes: 200 << 30),
      PreflightFacts.Path("/dev/shm", fileSystem: "tmpfs", freeBytes: 64 << 30),
    ]
    facts.openFilesHard = 1 << 20
    facts.logoutKills = false
    return PreflightAnswer(node: node, facts: facts)
  }

  static func findings(
    plan: Plan = Self.plan, _ change: (inout [PreflightAnswer]) -> Void
  ) -> [String] {
    var answers = Self.plan.nodes.map { Self.healthy($0.name) }
    change(&answers)
    return PreflightCheck.findings(plan, answers).map { finding in
      let folded = finding.folded
      return ([finding.isError ? "E" : "W", folded.code, folded.summary] + folded.causes)
        .joined(separator: "|")
    }
  }

  @Test func `a healthy cluster has no findings`() {
    #expect(Self.findings { _ in } == [])
  }

  @Test func `a GPU that is named by its UUID is one that is used`() {
    var plan = Self.plan
    for index in plan.services[0].replicas.indices {
      plan.services[0].replicas[index].launch.environment.append(
        .init("CUDA_VISIBLE_DEVICES", "GPU-gpu1-1"))
    }
    func findings(_ gpu: String) -> [String] {
      Self.findings(plan: plan) { answers in
        answers[0].facts.gpuProcesses = [.init(gpu: gpu, processID: 7, name: "x")]
      }
    }
    #expect(findings("GPU-gpu1-1").map { $0.prefix(10) } == ["E|gpu-busy"])
    #expect(findings("GPU-gpu1-0") == [])
  }

  @Test func `nodes that keep much of old runs are told of, and nothing stops for it`() {
    let found = Self.findings { answers in
      for (index, size) in [999_999_999, 1_300_000_000, 2_000_000_000].enumerated() {
        answers[index].facts.runsBytes = size
      }
    }
    #expect(
      found == [
        "W|many-runs|gpu[2-3]: the runs that it keeps take more than 1.00 GB|gpu2: 1.30 GB"
          + "|gpu3: 2.00 GB"
      ])
  }

  @Test func `what the GPUs lack is an error, with the nodes folded`() {
    let hung = Self.findings { answers in
      for index in [0, 1] {
        answers[index].facts.gpuProgram = .hung
        answers[index].facts.gpus = []
      }
    }
    #expect(
      hung == ["E|gpu-hung|gpu[1-2]: `nvidia-smi` does not answer: it was ended after 10 s"])
    let few = Self.findings { $0[2].facts.gpus.removeLast() }
    #expect(few.first == "E|too-few-gpus|gpu3: the plan uses GPU 1, where there is 1")
    #expect(
      few.last
        == "W|drift|GPUs of the nodes of `policy` differs: 2 × NVIDIA H200 on gpu[1-2], "
        + "1 × NVIDIA H200 on gpu3")
    let damaged = Self.findings { $0[1].facts.gpus[0].uncorrectedErrors = 3 }
    #expect(
      damaged == ["E|gpu-ecc|gpu2: GPU 0 has uncorrected ECC errors|gpu2: 3 on GPU-gpu2-0"])
  }

  @Test func `GPUs that nodes have not been asked about are unknown, never none`() {
    let unknown = Self.findings { answers in
      for index in answers.indices {
        answers[index].facts.gpuProgram = .absent
        answers[index].facts.gpus = []
        answers[index].facts.xids = nil
      }
    }
    // Not known is said where the plan relies on it, and refuses nothing.
    #expect(
      unknown == [
        "W|gpus-unknown|gpu[1-3]: there is no `nvidia-smi`: whether the 2 GPUs of the plan are "
          + "there is not known"
      ])
    #expect(Self.findings { $0[0].facts.gpus[0].uncorrectedErrors = nil } == [])
  }

  @Test func `a GPU that is broken or used by others is an error, its neighbour is not`() {
    let xids = Self.findings { answers in
      answers[0].facts.xids = [.init(code: 79, device: "0000:3b:00", text: "off the bus")]
      answers[1].facts.xids = [.init(code: 31, device: "0000:3b:00", count: 2, text: "fault")]
    }
    #expect(
      xids == [
        "E|gpu-xid|gpu1: the GPU driver has written XID 79 since the machine started|"
          + "gpu1: once for 0000:3b:00: off the bus",
        "W|gpu-xid|gpu2: the GPU driver has written XID 31 since the machine started|"
          + "gpu2: 2 times for 0000:3b:00: fault",
      ])
    let busy = Self.findings { answers in
      answers[0].facts.gpuProcesses = [
        .init(gpu: "GPU-gpu1-1", processID: 7, name: "python", memoryMebibytes: 900),
        .init(gpu: "GPU-gpu1-0", processID: 8, name: "vllm", isOurs: true),
      ]
    }
    #expect(
      busy == [
        "E|gpu-busy|gpu1: GPU 1 is used by a process of someone else|"
          + "gpu1: pid 7, `python`, 900 MiB"
      ])
  }

  @Test func `caches on a network file system are an error, unless that is accepted`() {
    func mount(_ answers: inout [PreflightAnswer]) {
      answers[0].facts.paths[1].isNetwork = true
      answers[0].facts.paths[1].fileSystem = "nfs4"
    }
    let text =
      "network-cache|gpu1: the compile caches are on a network file system, whose locks cannot be "
      + "relied on|gpu1: `/local/jit/ab/engine-0/triton` is on nfs4"
    #expect(Self.findings(mount) == ["E|\(text)"])
    var accepting = Self.plan
    accepting.acceptsNetworkCaches = true
    #expect(Self.findings(plan: accepting, mount) == ["W|\(text)"])
    // Anything else may be there.
    #expect(Self.findings { $0[0].facts.paths[0].isNetwork = true } == [])
  }

  @Test func `a disk that is full is an error, one that soon is a warning, told once`() {
    let full = Self.findings { answers in
      answers[0].facts.paths[0].freeBytes = 500_000_000
      answers[0].facts.paths[1].freeBytes = 500_000_000
      answers[1].facts.paths[0].freeBytes = 5_000_000_000
    }
    #expect(
      full == [
        "E|disk-full|gpu1: less than 1 GiB is free where the plan writes|"
          + "gpu1: `/tmp` has 500 MB",
        "W|disk-full|gpu2: less than 10 GiB is free where the plan writes|"
          + "gpu2: `/tmp` has 5.00 GB",
      ])
    let small = Self.findings { $0[2].facts.paths[2].freeBytes = 64 << 20 }
    #expect(small.map { $0.prefix(11) } == ["W|small-shm"])
    #expect(
      Self.findings { $0[0].facts.paths[0].isHung = true }
        == ["E|path-hung|gpu1: `/tmp` does not answer"])
    #expect(
      Self.findings { $0[0].facts.paths[1].isWritable = false }
        == ["E|not-writable|gpu1: `/local/jit/ab/engine-0/triton` cannot be written to"])
  }

  @Test func `a folder or a model that is not there is found before the start`() {
    func findings(after: [String], missing: String) -> [String] {
      var plan = Self.plan
      plan.services[0].after = after
      for index in plan.services[0].replicas.indices {
        plan.services[0].replicas[index].launch.neededFolders = ["/models/tiny"]
        plan.services[0].replicas[index].launch.folder = "/job"
      }
      #expect(
        PreflightQuestion(plan, node: "gpu1").paths.filter {
          ["/job", "/models/tiny"].contains($0)
        }
          == ["/job", "/models/tiny"])
      return Self.findings(plan: plan) { answers in
        var path = PreflightFacts.Path(missing, fileSystem: "ext4", freeBytes: 100 << 30)
        path.exists = false
        answers[1].facts.paths.append(path)
      }
    }
    let model = "no-folder|gpu2: `/models/tiny` is not there|gpu2: service `policy` needs it"
    #expect(findings(after: [], missing: "/models/tiny") == ["E|\(model)"])
    // What comes before it may fetch it.
    #expect(findings(after: ["fetch"], missing: "/models/tiny") == ["W|\(model)"])
    #expect(findings(after: [], missing: "/job").map { $0.prefix(11) } == ["E|no-folder"])
    // A cache is made.
    #expect(findings(after: [], missing: "/local/other") == [])
  }

  @Test func `programs, ports, limits and logins`() {
    let found = Self.findings { answers in
      answers[0].facts.missingPrograms = ["vllm"]
      answers[0].facts.ports = [
        .init(port: 8000, processID: 4, program: "nginx"), .init(port: 8001, isOurs: true),
      ]
      answers[1].facts.openFilesHard = 4096
      answers[2].facts.logoutKills = true
    }
    #expect(
      found == [
        "E|no-program|gpu1: `vllm` is not there, or is no program",
        "E|port-taken|gpu1: port 8000 is taken|gpu1: by `nginx`, pid 4",
        "E|logout-kills|gpu3: the end of the login ends every process: `KillUserProcesses` is set",
        "W|few-files|gpu2: a process may open at most 4096 files (`nofile`); servers want 65536",
      ])
  }

  @Test func `the clock is compared with the middle of the way there and back`() {
    let facts = PreflightFacts()
    // 40 ms of way in all; read 3 s after it was asked, 20 ms before the answer.
    let exact = PreflightAnswer(
      node: "gpu1", facts: facts, asked: 10_000, answered: 13_040, clock: 13_020, took: 3_000)
    #expect(exact.clockOffsetMilliseconds == 0)
    let ahead = PreflightAnswer(
      node: "gpu1", facts: facts, asked: 10_000, answered: 13_040, clock: 16_020, took: 3_000)
    #expect(ahead.clockOffsetMilliseconds == 3_000)
    for clock in [Int64.min, .max] {
      let lie = PreflightAnswer(
        node: "gpu1", facts: facts, asked: 10_000, answered: 13_040, clock: clock, took: 3_000)
      #expect(Self.findings { $0[0] = lie }.contains { $0.contains("|clock-offset|gpu1") })
    }
    let found = Self.findings { answers in
      answers[0].clockOffsetMilliseconds = -2_500
      answers[1].clockOffsetMilliseconds = 61_000
      answers[2].clockOffsetMilliseconds = 2_000
    }
    #expect(
      found == [
        "E|clock-offset|gpu2: the clock is more than 60 s off this machine's|gpu2: 61 s ahead",
        "W|clock-offset|gpu1: the clock is more than 2 s off this machine's|gpu1: 2 s behind",
      ])
  }

  @Test func `drift is one warning a fact, outliers last`() {
    let found = Self.findings { answers in
      answers[0].facts.packages["vllm"] = "0.31.1"
      answers[1].facts.kernel = "5.15"
      answers[2].facts.packages["torch"] = nil
      // Within 5 % it is the same.
      answers[2].facts.memoryTotalBytes = 500 << 30
    }
    #expect(
      found == [
        "W|drift|kernel of the nodes of `policy` differs: 6.1 on gpu[1,3], 5.15 on gpu2",
        "W|drift|torch of the nodes of `policy` differs: 2.9.0 on gpu[1-2], not found on gpu3",
        "W|drift|vllm of the nodes of `policy` differs: 0.32.0 on gpu[2-3], 0.31.1 on gpu1",
      ])
    let memory = Self.findings { $0[0].facts.memoryTotalBytes = 256 << 30 }
    #expect(
      memory == [
        "W|drift|memory of the nodes of `policy` differs: 512 GiB on gpu[2-3], 256 GiB on gpu1"
      ])
  }

  @Test func `a node is asked about what the plan does there`() throws {
    let question = PreflightQuestion(Self.plan, node: "gpu1")
    #expect(question.programs == [.init(name: "vllm", searchPath: "")])
    #expect(question.ports == [8000])
    #expect(question.paths == ["~", "/tmp", "/dev/shm", "/local/jit/ab/engine-0/triton"])
    #expect(PreflightQuestion(Self.plan, node: "other").ports == [])
    var beside = Self.plan
    beside.services[0].replicas[0].launch.argv[0] = "./serve"
    #expect(PreflightQuestion(beside, node: "gpu1").programs == [])
    beside.services[0].replicas[0].launch.folder = "/job"
    #expect(PreflightQuestion(beside, node: "gpu1").programs.map(\.name) == ["/job/./serve"])
  }

  @Test func `facts read back from the JSON that scripts get`() throws {
    let finding = PreflightFinding(
      nodes: [NodeName("gpu1")], diagnostic: Diagnostic(code: "gpu-ecc", "broken"),
      details: ["gpu1: 3"])
    let text = try PreflightDocument.json([Self.healthy("gpu1")], [finding], unreachable: ["gpu2"])
    #expect(text.contains(#""clock_offset_milliseconds":0"#))
    #expect(text.contains(#""memory_total_bytes":549755813888"#))
    #expect(text.contains(#""code":"gpu-ecc","details":["gpu1: 3"]"#))
    #expect(text.contains(#""unreachable":["gpu2"]"#))
  }
}
