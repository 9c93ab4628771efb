import Glibc
import Health
import Launch
import NodeAPI
import NodeAgent
import OperatingSystem
import Testing

@Suite
struct `A daemon or a holder that is killed` {
  @Test func `a daemon killed with -9 and started again takes its replicas up`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let (daemon, before) = try await agent.claimedLink { node in
      let attached = try await node.attach(agent.attachment())
      let script = "echo up; trap 'exit 3' TERM; while :; do sleep 0.1; done"
      let status = try await node.start(.init("job", script: script)) { $0.state == .ready }
      return (attached.processID, status)
    }
    kill(pid_t(daemon), SIGKILL)
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    try await agent.claimedLink { node in
      let attached = try await node.attach(agent.attachment())
      #expect(attached.processID != daemon)
      let after = try await node.wait(for: "job") { $0.state == .ready }
      #expect(after.processID == before.processID)
      #expect(after.attempt == 1)
      #expect(after.isUnproven)
      let stopped = try await node.stopAll()
      #expect(stopped.leftovers == [])
      #expect(stopped.statuses.first?.exitStatus == 3)
      #expect(agent.processes.isEmpty)
    }
  }

  @Test func `what ended while there was no daemon has its status all the same`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let (daemon, main) = try await agent.claimedLink { node in
      let status = try await node.start(.init("job", script: "sleep 60; exit 4")) {
        $0.processID != 0
      }
      return (try await node.attach(agent.attachment()).processID, status.processID)
    }
    kill(pid_t(daemon), SIGKILL)
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    _ = agent.shell("pkill -P \(main)")
    try await eventually { ProcessTable.stat(of: Int32(main))?.isGone ?? true }
    try await agent.claimedLink { node in
      let status = try await node.wait(for: "job") { $0.state == .failed && $0.exitStatus != nil }
      #expect(status.exitStatus == 4)
    }
  }

  @Test func `nobody is told that what died with the daemon is ready`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let (daemon, main) = try await agent.claimedLink { node in
      let status = try await node.start(.init("job", script: "sleep 60")) { $0.state == .ready }
      return (try await node.attach(agent.attachment()).processID, status.processID)
    }
    let holder = try #require(ProcessTable.stat(of: Int32(main))).parentID
    for process in [daemon, Int64(holder), main] { kill(pid_t(process), SIGKILL) }
    for process in [daemon, Int64(holder), main] {
      try await eventually { ProcessTable.stat(of: Int32(process))?.isGone ?? true }
    }
    try await agent.link { node in
      let first = try await node.attach(agent.attachment())
      #expect(first.replicas.compactMap { ReplicaStatus($0)?.state } == [.failed])
    }
  }

  @Test func `a daemon whose folder was removed makes room for another, which takes all up`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let identity = try AgentIdentity(run: agent.run, node: agent.node)
    let (daemon, before) = try await agent.claimedLink { node in
      let status = try await node.start(.init("job", script: "sleep 60")) { $0.state == .ready }
      return (try await node.attach(agent.attachment()).processID, status)
    }
    try RuntimeFolder.make(for: identity).remove()
    try await agent.claimedLink { node in
      #expect(ProcessTable.stat(of: Int32(daemon))?.isGone ?? true)
      let after = try await node.wait(for: "job") { $0.state == .ready }
      #expect(after.processID == before.processID)
      #expect(try await node.stopAll().leftovers == [])
      #expect(try await node.end(.init()).leftovers == [])
    }
  }

  @Test func `what was given up is not begun again by a new daemon`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    var (given, kept) = (
      ReplicaSpecification("job", script: "exit 4"),
      ReplicaSpecification("other", script: "sleep 60; exit 4")
    )
    (given.launch.restartCountMax, kept.launch.restartCountMax) = (1, 1)
    let (job, other) = (given, kept)
    let (daemon, main) = try await agent.claimedLink { node in
      let status = try await node.start(job) { $0.state == .failed }
      #expect(status.attempt == 2)
      let running = try await node.start(other) { $0.processID != 0 }
      return (try await node.attach(agent.attachment()).processID, running.processID)
    }
    kill(pid_t(daemon), SIGKILL)
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    _ = agent.shell("pkill -P \(main)")
    try await eventually { ProcessTable.stat(of: Int32(main))?.isGone ?? true }
    try await agent.claimedLink { node in
      // What failed for the first time is begun again, after the pause that both would have.
      _ = try await node.wait(for: "other") { $0.attempt == 2 && $0.processID != 0 }
      let status = try await node.wait(for: "job") { _ in true }
      #expect(status.state == .failed && status.attempt == 2)
      _ = try await node.stopAll()
    }
  }

  @Test func `a new daemon has no secrets and says so`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    var spec = ReplicaSpecification("job", script: "sleep 60")
    spec.launch.secrets = ["TOKEN"]
    let wanted = spec
    let daemon = try await agent.claimedLink(secrets: ["TOKEN": "x"]) { node in
      _ = try await node.start(wanted) { $0.processID != 0 }
      return try await node.attach(agent.attachment()).processID
    }
    kill(pid_t(daemon), SIGKILL)
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    try await agent.claimedLink { node in
      // It runs still; only another start needs what was lost.
      _ = try await node.wait(for: "job") { $0.processID != 0 }
      _ = try await node.stopAll()
      await #expect(throws: (any Error).self) { try await node.start(wanted) { _ in true } }
    }
  }

  /// The daemon had them in memory, its holder in its environment.
  @Test func `what has lost its secrets is not begun again, but waits for a coordinator`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    var spec = ReplicaSpecification("job", script: "test $TOKEN = x && sleep 60")
    spec.launch.secrets = ["TOKEN"]
    spec.launch.restartCountMax = 3
    let wanted = spec
    let (daemon, main) = try await agent.claimedLink(secrets: ["TOKEN": "x"]) { node in
      let status = try await node.start(wanted) { $0.processID != 0 }
      return (try await node.attach(agent.attachment()).processID, Int32(status.processID))
    }
    let holder = try #require(ProcessTable.stat(of: main)?.parentID)
    for process in [Int32(daemon), holder, main] {
      kill(process, SIGKILL)
      try await eventually { ProcessTable.stat(of: process)?.isGone ?? true }
    }
    try await agent.claimedLink { node in
      let status = try await node.wait(for: "job") { $0.state == .failed || $0.state == .backoff }
      #expect(status.state == .failed && status.attempt == 1, "\(status)")
    }
    try await agent.claimedLink(secrets: ["TOKEN": "x"]) { node in
      _ = try await node.start(wanted) { $0.state == .ready && $0.attempt == 2 }
      _ = try await node.stopAll()
    }
  }

  /// As Python's `setproctitle` does it for vLLM's engines: over the environment, unless that says no.
  private static let renames = """
    $0 = "VLLM::EngineCore" . "x" x 10000 unless exists $ENV{SPT_NOENV};
    sleep 1238;
    """

  @Test func `an engine that has renamed itself is found when all that knew it is gone`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let script = "setsid perl -e '\(Self.renames)' & sleep 60"
    let (daemon, main) = try await agent.claimedLink { node in
      let status = try await node.start(.init("job", script: script)) { $0.state == .ready }
      return (try await node.attach(agent.attachment()).processID, Int32(status.processID))
    }
    var found: ProcessStat?
    try await eventually {
      found = ProcessTable.all().first { $0.parentID == main && $0.name == "perl" }
      return found?.sessionID == found?.identity.processID
    }
    let stray = try #require(found).identity
    let holder = try #require(ProcessTable.stat(of: main)?.parentID)
    for process in [Int32(daemon), holder, main] {
      kill(process, SIGKILL)
      try await eventually { ProcessTable.stat(of: process)?.isGone ?? true }
    }
    let left = try await agent.claimedLink { node in try await node.stopAll().leftovers }
    #expect(left == [])
    #expect(!ProcessTable.isAlive(stray))
    ProcessTable.send(SIGKILL, to: stray)
  }

  @Test func `without its holder a replica runs on, and is ended as a whole`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      let script = "(setsid sleep 1235 &) ; sleep 60"
      let status = try await node.start(.init("job", script: script)) { $0.state == .ready }
      let main = try #require(ProcessTable.stat(of: Int32(status.processID)))
      kill(main.parentID, SIGKILL)
      try await eventually {
        ProcessTable.stat(of: main.identity.processID)?.parentID != main.parentID
      }
      #expect(agent.processes.count >= 2)
      let stopped = try await node.stopAll()
      #expect(stopped.leftovers == [])
      #expect(agent.processes.isEmpty)
      #expect(stopped.statuses.first?.exitStatus == nil)
    }
  }
}
