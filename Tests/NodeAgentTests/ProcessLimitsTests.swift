import FoundationEssentials
import Glibc
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
      var spec = Muster_V1_ReplicaSpec("job", script: script)
      spec.cores.index = 0
      spec.cores.count = 1024
      let ready = try await node.start(spec) { $0.state == .ready }
      let lines = try String(contentsOfFile: ready.logPath, encoding: .utf8).split(separator: "\n")
      try #require(lines.count == 3)
      #expect(Int(lines[0]) == min(Int(lines[1]) ?? 0, 1 << 20))
      // One of 1,024 parts is one core.
      #expect(lines[2].split(separator: "\t").last.flatMap { Int($0) } != nil, "\(lines[2])")
      _ = try await node.stopAll()
    }
  }

  @Test func `a log that grows too large is put aside, and nothing of it is lost`() throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let log = "\(folder)/output.log"
    var tail = LogTail(path: log)
    var lines: [String] = []
    for round in 0..<6 {
      let file = open(log, O_CREAT | O_WRONLY | O_APPEND, 0o600)
      defer { close(file) }
      for line in 0..<100 {
        try PlainFile.write(Array("\(round) \(line)\n".utf8), to: file, named: log)
      }
      lines += tail.newLines()
      #expect(try LogRotation.rotate(log, sizeMax: 400))
      tail.rewind()
      #expect(try !LogRotation.rotate(log, sizeMax: 400))
    }
    #expect(lines == (0..<6).flatMap { round in (0..<100).map { "\(round) \($0)" } })
    let names = try PlainFile.names(in: folder)
    #expect(
      names == ["output.1.log", "output.2.log", "output.3.log", "output.4.log", "output.log"])
    let newest = try String(contentsOfFile: "\(folder)/output.1.log", encoding: .utf8)
    #expect(newest.hasPrefix("5 0\n") && newest.hasSuffix("5 99\n"))
  }
}
