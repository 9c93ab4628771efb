import FoundationEssentials
import GRPCCore
import Glibc
import Health
import NodeAPI
import NodeAgent
import OperatingSystem
import Testing

@Suite
struct `Events of a node` {
  private static func all(
    _ node: TestAgent.Client, after: UInt64 = 0
  ) async throws -> [Muster_V1_NodeEvent] {
    var request = Muster_V1_EventsRequest()
    request.after = after
    return try await node.events(request) { response in
      var events: [Muster_V1_NodeEvent] = []
      for try await event in response.messages { events.append(event) }
      return events
    }
  }

  @Test func `lines that tell of GPUs are events, and the same over and over is not`() async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let script = """
      while [ ! -e \(agent.folder)/go ]; do sleep 0.05; done
      echo 'NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus.'
      for i in $(seq 50); do echo "gpu01:1:2 [0] transport.cc:3 NCCL WARN no link $i"; done
      sleep 60
      """
    try await agent.claimedLink { node in
      _ = try await node.start(.init("job", script: script)) { $0.state == .ready }
      try agent.touch("go")
      var lines: [Muster_V1_NodeEvent] = []
      try await eventually {
        lines = try await Self.all(node).filter { $0.kind != "state" }
        return lines.count >= 10
      }
      #expect(lines.map(\.kind) == ["xid"] + Array(repeating: "nccl", count: 9))
      #expect(lines.first?.text.contains("fallen off the bus") == true)
      #expect(lines.allSatisfy { $0.service == "job" && $0.attempt == 1 })
      _ = try await node.stopAll()
    }
  }

  @Test func `a line of the last number there is keeps no daemon from its start`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try PlainFile.makeFolders(agent.stateFolder)
    let line = #"{"sequence":"18446744073709551615","kind":"log"}"# + "\n"
    try PlainFile.publish(Array(line.utf8), at: "\(agent.stateFolder)/events.jsonl")
    try await agent.claimedLink { node in
      _ = try await node.start(.init("job", script: "sleep 60")) { $0.processID != 0 }
      #expect(try await Self.all(node).first?.sequence == 1)
      _ = try await node.stopAll()
    }
  }

  @Test func `each state of a replica is one, with its reason, and a new daemon goes on counting`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let script = "while [ ! -e \(agent.folder)/go ]; do sleep 0.05; done; exit 9"
    let (daemon, before) = try await agent.claimedLink { node in
      _ = try await node.start(.init("job", script: script)) { $0.state == .ready }
      try agent.touch("go")
      _ = try await node.wait(for: "job") { $0.state == .failed }
      return (
        try await node.attach(agent.attachment()).processID, try await Self.all(node)
      )
    }
    #expect(before.map(\.state).prefix(4) == ["waiting", "starting", "ready", "failed"])
    #expect(before.map(\.sequence) == Array(1...UInt64(before.count)))
    #expect(before.last?.text == "its process ended with status 9 by itself")
    #expect(before.allSatisfy { $0.milliseconds > 1_700_000_000_000 && $0.service == "job" })
    try await eventually {
      try String(contentsOfFile: "\(agent.stateFolder)/events.jsonl", encoding: .utf8)
        .split(separator: "\n").count == before.count
    }
    kill(pid_t(daemon), SIGKILL)
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    try await agent.claimedLink { node in
      let later = try await Self.all(node)
      #expect(later.starts(with: before))
      #expect(try await Self.all(node, after: 2).first?.sequence == 3)
    }
  }
}
