import Fleet
import FoundationEssentials
import GRPCCore
import Glibc
import Health
import Launch
import NodeAPI
import NodeAgent
import OperatingSystem
import Telemetry
import Testing

/// With a fake `nvidia-smi` on the PATH that prints what the real one does.
@Suite
struct `Samples of GPUs` {
  private static let line =
    "2026/11/21 10:00:00.123, 0, NVIDIA H200, 93, 120000, 143771, 610.5, 61, 0"
  private static let other =
    "2026/11/21 10:00:00.124, 1, NVIDIA H200, [N/A], 1, 143771, [N/A], 30, [N/A]"

  private static func gpus(
    script: String, shell: String = "/bin/sh", interval: UInt32, count: Int
  ) async throws -> [Muster_V1_GPUSamples] {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try agent.install("nvidia-smi", script: script, shell: shell)
    return try await agent.claimedLink { node in
      var request = Muster_V1_ScrapeRequest()
      request.gpus = true
      request.intervalMilliseconds = interval
      var options = CallOptions.defaults
      options.timeout = .seconds(30)
      return try await node.scrape(request, options: options) { response in
        var samples: [Muster_V1_GPUSamples] = []
        for try await report in response.messages {
          for report in [report] + report.batch.reports {
            if case .gpus(let gpus) = report.kind { samples.append(gpus) }
          }
          if samples.count >= count { break }
        }
        return samples
      }
    }
  }

  @Test func `a running nvidia-smi is read as it prints, and what it does not know is absent`()
    async throws
  {
    let script = """
      while :; do
        echo '\(Self.line)'; echo '\(Self.other)'
        case "$*" in *-l*) sleep 0.2;; *) exit;; esac
      done
      """
    let rounds = try await Self.gpus(script: script, interval: 1000, count: 4)
    let last = try #require(rounds.last)
    #expect(last.fault == "")
    let gpus = try CanonicalJSON.value([GPUSample].self, from: last.gpus)
    #expect(gpus.map(\.index) == [0, 1])
    #expect(gpus[0].name == "NVIDIA H200")
    #expect(gpus[0].utilizationPercent == 93)
    #expect(gpus[1].utilizationPercent == nil && gpus[1].uncorrectedECCErrors == nil)
    let once = try #require(try await Self.gpus(script: script, interval: 0, count: 1).first)
    #expect(try CanonicalJSON.value([GPUSample].self, from: once.gpus).count == 2)
  }

  @Test func `one that says what is wrong is quoted, one that is not there is no fault`()
    async throws
  {
    let broken = "echo 'Unable to determine the device handle for GPU0: Unknown Error'; exit 1"
    let samples = try await Self.gpus(script: broken, interval: 0, count: 1)
    #expect(
      samples.first?.fault
        == "nvidia-smi ended: Unable to determine the device handle for GPU0: Unknown Error")
    let none = try await Self.gpus(script: "", interval: 0, count: 1)
    #expect(none.first?.fault == "" && none.first?.gpus == Data("[]".utf8))
    let unstarted = try await Self.gpus(script: "exit", shell: "/none", interval: 0, count: 1)
    #expect(unstarted.first?.fault.contains("start `nvidia-smi`") == true)
  }

  @Test func `what is wrong with one GPU is said beside the samples of the others`() async throws {
    let words = "WARNING: infoROM is corrupted at gpu 0000:5D:00.0"
    let script = """
      echo '\(Self.line)'; echo '\(words)'
      case "$*" in *-l*) ;; *) exit 14;; esac
      while sleep 0.1; do echo '\(Self.line)'; echo '\(words)'; done
      """
    for (interval, count): (UInt32, Int) in [(0, 1), (1000, 4)] {
      let samples = try await Self.gpus(script: script, interval: interval, count: count)
      let last = try #require(samples.last)
      #expect(last.fault == "nvidia-smi: \(words)")
      #expect(try CanonicalJSON.value([GPUSample].self, from: last.gpus).map(\.index) == [0])
    }
  }

  @Test func `a GPU that is not said any more is gone, and so is a warning`() async throws {
    let script = """
      echo '\(Self.line)'; echo '\(Self.other)'; echo 'something odd'
      while sleep 0.05; do echo '\(Self.other)'; done
      """
    let samples = try await Self.gpus(script: script, interval: 1000, count: 12)
    func indices(_ samples: Muster_V1_GPUSamples?) throws -> [Int] {
      try CanonicalJSON.value([GPUSample].self, from: samples?.gpus ?? Data()).map(\.index)
    }
    #expect(try samples.contains { try indices($0) == [0, 1] })
    #expect(try indices(samples.last) == [1] && samples.last?.fault == "")
  }

  @Test func `one that hangs is given up, and the call goes on`() async throws {
    let samples = try await Self.gpus(script: "exec sleep 60", interval: 0, count: 1)
    #expect(samples.first?.fault == "nvidia-smi has said nothing for 10 s")
  }
}

@Suite
struct `The proof that GPU memory is back` {
  /// Names a process until `after` looks have passed; -1: for ever.
  private static func leftovers(
    after lookCount: Int, memory: String = "2048"
  ) async throws -> [String] {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try agent.install(
      "nvidia-smi",
      script: """
        n=$(cat \(agent.folder)/looks 2>/dev/null || echo 0)
        echo $((n + 1)) > \(agent.folder)/looks
        [ $n -eq \(lookCount) ] || echo "GPU-5f, $(cat \(agent.folder)/pid), \(memory), python3"
        """)
    return try await agent.claimedLink { node in
      let spec = ReplicaSpecification(
        "job", script: "echo $$ > \(agent.folder)/pid; exec sleep 60")
      _ = try await node.start(spec) { $0.state == .ready }
      return try await node.stopAll().leftovers
    }
  }

  @Test func `memory that comes back a little later is no fault, that of a ghost is`() async throws
  {
    #expect(try await Self.leftovers(after: 3) == [])
    let left = try await Self.leftovers(after: -1)
    #expect(left.count == 1)
    #expect(left.first?.hasPrefix("GPU GPU-5f still holds 2048 MiB of process ") == true, "\(left)")
    // A driver that does not say how much says nothing of 0.
    let unknown = try await Self.leftovers(after: -1, memory: "[N/A]")
    #expect(unknown.first?.hasPrefix("GPU GPU-5f still holds memory of process ") == true)
  }
}

extension TestAgent {
  /// Puts a program in front of the PATH; an empty script: none.
  func install(_ name: String, script: String, shell: String = "/bin/sh") throws {
    try PlainFile.makeFolders(self.programFolder)
    guard !script.isEmpty else { return }
    let path = "\(self.programFolder)/\(name)"
    try Data("#!\(shell)\n\(script)\n".utf8).write(to: URL(filePath: path))
    chmod(path, 0o755)
  }
}
