import FoundationEssentials
import Glibc
import Health
import Launch
import NodeAPI
import Testing

@testable import NodeAgent

struct ProcessLimitsTests {
  @Test func `cores are split into equal parts of neighbours`() {
    #expect(ProcessLimits.part(0, of: 2, cores: [0, 1, 2, 3, 6]) == [0, 1])
    #expect(ProcessLimits.part(1, of: 2, cores: [0, 1, 2, 3, 6]) == [2, 3, 6])
    #expect((0..<3).map { ProcessLimits.part($0, of: 3, cores: [4, 7]) } == [[4], [7], [4]])
  }

  @Test func `a replica keeps to its cores and may open as many files as the node allows`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      let script = "ulimit -Sn; ulimit -Hn; grep Cpus_allowed_list /proc/self/status; sleep 60"
      var spec = ReplicaSpecification("job", script: script)
      spec.launch.cores = CoreShare(index: 0, count: 1024)
      let ready = try await node.start(spec) { $0.state == .ready }
      let lines = try String(contentsOfFile: ready.logPath, encoding: .utf8).split(separator: "\n")
      try #require(lines.count == 3)
      #expect(Int(lines[0]) == min(Int(lines[1]) ?? 0, 1 << 20))
      // One of 1,024 parts is one core.
      #expect(lines[2].split(separator: "\t").last.flatMap { Int($0) } != nil, "\(lines[2])")
      _ = try await node.stopAll()
    }
  }
}
