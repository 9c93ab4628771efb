import Fleet
import FoundationEssentials
import Glibc
import Health
import NIOCore
import NIOPosix
import NodeAPI
import NodeAgent
import OperatingSystem
import Testing

@Suite
struct `An errand` {
  @Test func `tells the runs of a node, and neither starts nor leaves anything`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let before = try await agent.runs()
    #expect(before == [])
    #expect(!FileManager.default.fileExists(atPath: "\(agent.folder)/state"))
    try await agent.claimedLink { node in
      var attach = agent.attachment()
      attach.plan = Data(#"{"name":"night"}"#.utf8)
      _ = try await node.attach(attach)
      _ = try await node.start(.init("job", script: "sleep 60")) { $0.processID != 0 }
    }
    var wanted = Muster_V1_RunsRequest()
    wanted.sizes = true
    let live = try await agent.runs(wanted)
    let run = try #require(live.first)
    #expect(live.count == 1)
    #expect(run.run == agent.run && run.name == "night" && run.holder == "tester@here:1")
    #expect(run.live && run.services)
    #expect(run.sizeBytes > 0 && run.changedMilliseconds > 1_700_000_000_000)
    wanted.name = "day"
    let others = try await agent.runs(wanted)
    #expect(others == [])
    try await agent.claimedLink { node in
      _ = try await node.stopAll()
      _ = try await node.end(.init())
    }
    try await eventually { try await agent.runs().first?.live == false }
    try await eventually { Self.processes(of: agent) == [] }
    // As another version may have written it.
    let spec = "\(agent.folder)/state/muster/runs/\(agent.run)/n1/job-0/spec.json"
    try PlainFile.publish(Array("{}".utf8), at: spec)
    let unread = try await agent.runs()
    #expect(unread.first?.services == true)
  }

  @Test func `a run that is live, or keeps records, is not removed; one that is over goes whole`()
    async throws
  {
    var chance = SystemRandomNumberGenerator()
    let agent = try TestAgent(
      run: RunID(milliseconds: 1_795_241_700_000, using: &chance).rawValue)
    defer { agent.destroy() }
    let folder = "\(agent.folder)/state/muster/runs/\(agent.run)"
    try await agent.claimedLink { node in
      _ = try await node.start(.init("job", script: "sleep 60")) { $0.processID != 0 }
    }
    let live = try await agent.remove([agent.run])
    #expect(live.map(\.refusal) == ["it is live"])
    try await agent.claimedLink { node in
      _ = try await node.stopAll()
      _ = try await node.end(.init())
    }
    try await eventually { try await agent.runs().first?.live == false }
    let spool = "\(folder)/n1/spool"
    try PlainFile.makeFolders(spool)
    #expect(FileManager.default.createFile(atPath: "\(spool)/spool-ab.records", contents: nil))
    let kept = try await agent.remove([agent.run])
    #expect(kept.map(\.refusal) == ["records of it have not been fetched"])
    let told = try await agent.runs()
    #expect(told.first?.records == true)
    symlink("/etc", "\(folder)/n1/link")
    let gone = try await agent.remove([agent.run], merged: [agent.run])
    #expect(gone.map(\.refusal) == [""] && gone.allSatisfy { $0.sizeBytes > 0 })
    #expect(!FileManager.default.fileExists(atPath: folder))
    #expect(FileManager.default.fileExists(atPath: "/etc/passwd"))
  }

  @Test func `a run of which only an orphan lives is live`() async throws {
    var chance = SystemRandomNumberGenerator()
    let agent = try TestAgent(
      run: RunID(milliseconds: 1_795_241_700_000, using: &chance).rawValue)
    defer { agent.destroy() }
    try PlainFile.makeFolders(agent.stateFolder)
    let orphan = try ChildProcess(
      argv: ["/bin/sleep", "60"], environment: ["MUSTER_RUN": "\(agent.run)/\(agent.node)"]
    ).spawn()
    let told = try await agent.runs()
    #expect(told.map(\.live) == [true])
    let kept = try await agent.remove([agent.run])
    #expect(kept.map(\.refusal) == ["it is live"])
    kill(orphan, SIGKILL)
    waitpid(orphan, nil, 0)
    let gone = try await agent.remove([agent.run])
    #expect(gone.map(\.refusal) == [""])
  }

  @Test func `a run of which only a daemon lives that lost its folder is live`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { _ in }
    let identity = try AgentIdentity(run: agent.run, node: agent.node)
    try RuntimeFolder.make(for: identity).remove()
    #expect(try await agent.runs().map(\.live) == [true])
  }

  @Test(.enabled(if: geteuid() == 0, "only root gives a folder away"))
  func `another user's socket makes no run live, and is not even asked`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try PlainFile.makeFolders(agent.stateFolder)
    let folder = try RuntimeFolder.make(
      for: try AgentIdentity(run: agent.run, node: agent.node))
    defer { folder.remove() }
    let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .bind(unixDomainSocketPath: folder.socket).get()
    #expect(chown(folder.path, 65_534, 65_534) == 0)
    #expect(try await agent.runs().map(\.live) == [false])
    try await listener.close()
  }

  @Test func `a pipe in the place of a run's file holds nobody up`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try PlainFile.makeFolders("\(agent.stateFolder)/job-0")
    for name in ["plan.json", "holder", "job-0/spec.json"] {
      #expect(mkfifo("\(agent.stateFolder)/\(name)", 0o600) == 0)
    }
    #expect(try await agent.runs().map(\.run) == [agent.run])
  }

  @Test func `what has no plan is told whatever the name`() async throws {
    var chance = SystemRandomNumberGenerator()
    let agent = try TestAgent(
      run: RunID(milliseconds: 1_795_241_700_000, using: &chance).rawValue)
    defer { agent.destroy() }
    try PlainFile.makeFolders(agent.stateFolder)
    var request = Muster_V1_RunsRequest()
    request.name = "demo"
    let told = try await agent.runs(request)
    #expect(told.map(\.run) == [agent.run] && told.map(\.name) == [""])
    let gone = try await agent.remove([agent.run])
    #expect(gone.map(\.refusal) == [""])
  }

  @Test func `nothing but this node's part of a run's folder is ever removed`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let root = "\(agent.folder)/state/muster/runs"
    let run = "20261121-061500-abcdef"
    for folder in ["\(run)/n2", "links/n1", "20261121-061500-000000"] {
      try PlainFile.makeFolders("\(root)/\(folder)")
    }
    symlink("\(root)/links", "\(root)/20261121-061500-000000/n1")
    let names = [run, "links", "..", "../runs/links", "20261121-061500-000000", ""]
    let answers = try await agent.remove(names)
    #expect(answers.map(\.run) == names && answers.allSatisfy { !$0.refusal.isEmpty })
    for folder in ["\(run)/n2", "links/n1", "20261121-061500-000000/n1"] {
      #expect(FileManager.default.fileExists(atPath: "\(root)/\(folder)"), "\(folder)")
    }
  }

  @Test func `a folder that is none of a run is none`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let root = "\(agent.folder)/state/muster/runs"
    for folder in ["other/n2", "odd name/n1"] { try PlainFile.makeFolders("\(root)/\(folder)") }
    symlink("/etc", "\(root)/linked")
    try PlainFile.makeFolders("\(root)/with-link")
    symlink("/etc", "\(root)/with-link/n1")
    let runs = try await agent.runs()
    #expect(runs == [])
  }

  /// Programs that serve errands with this test's home.
  private static func processes(of agent: TestAgent) -> [Int32] {
    ProcessTable.all().map(\.identity.processID).filter { processID in
      let words = (try? PlainFile.read("/proc/\(processID)/cmdline", sizeMax: 4096)) ?? []
      return String(decoding: words, as: UTF8.self).contains("muster-node\0errand\0")
        && ProcessTable.environment(of: processID, contains: ["HOME=\(agent.folder)"])
    }
  }
}

extension TestAgent {
  /// What an errand tells of the node's runs.
  fileprivate func runs(
    _ request: Muster_V1_RunsRequest = Muster_V1_RunsRequest()
  ) async throws -> [Muster_V1_RunFacts] {
    try await self.errand { try await $0.runs(request).runs }
  }

  fileprivate func remove(
    _ runs: [String], merged: [String] = []
  ) async throws -> [Muster_V1_RemovedRun] {
    var request = Muster_V1_RemoveRunsRequest()
    (request.runs, request.merged) = (runs, merged)
    return try await self.errand { [request] in try await $0.removeRuns(request).runs }
  }
}
