import Fleet
import FoundationEssentials
import GRPCCore
import Glibc
import Health
import Launch
import NodeAPI
import NodeAgent
import OperatingSystem
import Testing

@Suite
struct `The life of an agent` {
  @Test func `two links that race find one daemon, and it outlives both`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    async let first = agent.link { try await $0.attach(agent.attachment()).processID }
    async let second = agent.link { try await $0.attach(agent.attachment()).processID }
    let (one, other) = try await (first, second)
    #expect(one == other)
    let later = try await agent.link { node in try await node.attach(agent.attachment()) }
    #expect(later.processID == one)
    #expect(later.stateFolder == agent.stateFolder)
    #expect(!later.hostName.isEmpty)
  }

  @Test func `another protocol version is refused with both versions`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    var request = agent.attachment()
    request.protocolVersion = 9
    let asked = request
    let error = await #expect(throws: RPCError.self) {
      try await agent.link { try await $0.attach(asked) }
    }
    #expect(error?.code == .failedPrecondition)
    #expect(
      error?.message.contains("protocol \(AgentPreface.protocolVersion), the coordinator 9") == true
    )
  }

  @Test func `an older coordinator is refused and told who holds the run`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.link { old in
      _ = try await old.attach(agent.attachment(epoch: 5, name: "old"))
      try await agent.link { new in
        _ = try await new.attach(agent.attachment(epoch: 7, name: "new"))
        let held = await #expect(throws: RPCError.self) { try await old.stopAll() }
        #expect(held?.code == .aborted)
        #expect(held?.message.contains("new") == true)
        let refused = await #expect(throws: RPCError.self) {
          try await old.attach(agent.attachment(epoch: 5, name: "old"))
        }
        #expect(refused?.code == .aborted)
        _ = try await new.stopAll()
      }
      var looking = agent.attachment(epoch: 0, name: "")
      looking.observe = true
      #expect(try await old.attach(looking).holder == "new")
    }
  }

  @Test func `who comes late to a run that another has ended is refused by a new daemon, too`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let daemon = try await agent.link { node in
      let attached = try await node.attach(agent.attachment(epoch: 7, name: "down"))
      var end = Muster_V1_EndRequest()
      end.keepHolder = true
      #expect(try await node.end(end).leftovers == [])
      return attached.processID
    }
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    let late = await #expect(throws: RPCError.self) {
      try await agent.link { try await $0.attach(agent.attachment(epoch: 5, name: "up")) }
    }
    #expect(late?.code == .aborted && late?.message.contains("down") == true)
  }

  @Test func `the plan is kept, and secrets are written nowhere`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.link { node in
      var attach = agent.attachment()
      attach.plan = Data("{\"plan\":1}".utf8)
      attach.secrets = ["TOKEN": "canary-6b1f"]
      _ = try await node.attach(attach)
      var spec = ReplicaSpecification("job", script: "test ${#TOKEN} = 11 && sleep 60")
      spec.launch.secrets = ["TOKEN"]
      let status = try await node.start(spec) { $0.state == .ready || $0.state == .failed }
      #expect(status.state == .ready)
      #expect(status.isUnproven)
      #expect(try await node.stopAll().leftovers == [])
    }
    try await agent.link { node in
      let again = try await node.attach(agent.attachment())
      #expect(again.planSha256 == SHA256.hex(of: "{\"plan\":1}".utf8))
      #expect(again.holder == "tester@here:1" && again.holderEpoch == 1)
      let plan = try await node.plan(.init()) { response in
        try await response.messages.reduce(into: Data()) { $0 += $1.data }
      }
      #expect(plan.elementsEqual("{\"plan\":1}".utf8))
    }
    let grep = agent.shell("grep -rl canary-6b1f \(agent.folder)")
    #expect(grep.isEmpty)
  }

  @Test func `a plan is not sent back with each answer, whatever its size`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let plan = Data(repeating: UInt8(ascii: " "), count: 11 << 20)
    try await agent.link { node in
      var attach = agent.attachment()
      attach.plan = plan
      // A client that takes 4 MiB at most, as gRPC's do by default.
      for _ in 0..<2 {
        let answer = try await node.attach(attach)
        #expect(answer.planSha256.count == 64)
      }
      let size = try await node.plan(.init()) { response in
        try await response.messages.reduce(0) { $0 + $1.data.count }
      }
      #expect(size == plan.count)
      var tooLarge = attach
      tooLarge.plan = Data(count: AgentMessages.planSizeMax + 1)
      let asked = tooLarge
      let error = await #expect(throws: RPCError.self) { try await node.attach(asked) }
      #expect(error?.code == .invalidArgument)
    }
  }

  @Test func `a replica that needs secrets which nobody handed over is refused by name`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let error = await #expect(throws: RPCError.self) {
      try await agent.claimedLink { node in
        var spec = ReplicaSpecification("job", script: "true")
        spec.launch.secrets = ["HF_TOKEN"]
        _ = try await node.start(spec) { _ in true }
      }
    }
    #expect(error?.message.contains("needs secrets: HF_TOKEN") == true)
  }

  @Test func `it ends when its replicas have been stopped, and leaves no folder`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let identity = try AgentIdentity(run: agent.run, node: agent.node)
    let daemon = try await agent.claimedLink { node in
      let attached = try await node.attach(agent.attachment())
      _ = try await node.start(.init("job", script: "sleep 60")) { $0.processID != 0 }
      #expect(try await node.end(.init()).leftovers == ["job/0 has not been stopped"])
      #expect(try await node.stopAll().leftovers == [])
      #expect(try await node.end(.init()).leftovers == [])
      return attached.processID
    }
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    let folder = "/tmp/muster-\(geteuid())/\(identity.digest)"
    try await eventually { access(folder, F_OK) != 0 }
    // What people may read stays.
    try await eventually { access("\(agent.stateFolder)/spool", F_OK) != 0 }
    #expect(access("\(agent.stateFolder)/job-0", F_OK) == 0)
  }

  @Test func `records stay where the end asks for that, and nothing stays where it does not`()
    async throws
  {
    for keepsRecords in [true, false] {
      let agent = try TestAgent()
      defer { agent.destroy() }
      let daemon = try await agent.claimedLink { node in
        let attached = try await node.attach(agent.attachment())
        let spool = open("\(agent.stateFolder)/spool/spool-ab.records", O_CREAT | O_WRONLY, 0o600)
        close(spool)
        var end = Muster_V1_EndRequest()
        end.keepRecords = keepsRecords
        #expect(try await node.end(end).leftovers == [])
        return attached.processID
      }
      try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
      #expect((access("\(agent.stateFolder)/spool/spool-ab.records", F_OK) == 0) == keepsRecords)
      #expect((access(agent.stateFolder, F_OK) == 0) == keepsRecords)
    }
  }
}
