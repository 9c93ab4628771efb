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
struct `The life of a replica` {
  @Test func `a launch that is impossible says exactly why`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      var spec = ReplicaSpecification("absent", script: "")
      spec.launch.argv = ["no-such-program-here"]
      let absent = try await node.start(spec) { $0.state == .failed }
      #expect(absent.reason.contains("`no-such-program-here` in PATH"))
      #expect(absent.reason.contains("No such file"))

      spec.key.service = "plain"
      spec.launch.argv = ["/etc/passwd"]
      let plain = try await node.start(spec) { $0.state == .failed }
      #expect(plain.reason == "cannot start `/etc/passwd`: Permission denied")

      spec.key.service = "homeless"
      spec.launch.argv = ["/bin/true"]
      spec.launch.folder = "/no/such/folder"
      let homeless = try await node.start(spec) { $0.state == .failed }
      #expect(homeless.reason == "cannot enter folder /no/such/folder: No such file or directory")
    }
  }

  @Test func `a service that ends with status 0 has failed, a task has not`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      let service = try await node.start(.init("service", script: "echo last words; exit 0")) {
        $0.state == .failed
      }
      #expect(service.reason == "its process ended with status 0 by itself")
      #expect(service.lastLogLines == ["last words"])
      #expect(service.exitStatus == 0)
      var task = ReplicaSpecification("task", script: "exit 0")
      task.launch.isTask = true
      let done = try await node.start(task) { $0.state == .stopped || $0.state == .failed }
      #expect(done.state == .stopped)
      #expect(done.exitStatus == 0)
      task.key.service = "bad"
      task.launch.argv = ["/bin/sh", "-c", "exit 7"]
      let bad = try await node.start(task) { $0.state == .failed }
      #expect(bad.exitStatus == 7)
      let killed = try await node.start(.init("killed", script: "kill -9 $$")) {
        $0.state == .failed && $0.end != nil
      }
      #expect(killed.end == .signalled(SIGKILL))
      #expect(agent.processes.isEmpty)
    }
  }

  @Test func `starting what runs changes nothing, starting what is over is another attempt`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      let spec = ReplicaSpecification("job", script: "echo attempt; sleep 60")
      let first = try await node.start(spec) { $0.processID != 0 }
      let same = try await node.start(spec) { $0.processID == first.processID }
      #expect(same.attempt == 1)
      _ = try await node.stopAll()
      let second = try await node.start(spec) { $0.processID != 0 && $0.attempt == 2 }
      #expect(second.logPath.hasSuffix("/job-0/attempt-2/output.log"))
      let latest = try FileManager.default.destinationOfSymbolicLink(
        atPath: "\(agent.stateFolder)/job-0/latest")
      #expect(latest == "attempt-2")
      #expect(try await node.stopAll().leftovers == [])
    }
  }

  @Test func `a child that left the session and forgot its environment is found and killed`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      // Double fork, new session, no environment, no log: known as a descendant of the holder alone.
      let script = """
        (env -i setsid sh -c 'trap "" TERM; sleep 1234 & wait' > /dev/null 2>&1 &) ; sleep 60
        """
      let status = try await node.start(.init("job", script: script, grace: 1)) {
        $0.state == .ready
      }
      let stray = try #require(Self.descendants(of: Int32(status.processID)).first)
      #expect(try await node.stopAll().leftovers == [])
      #expect(!ProcessTable.isAlive(stray))
      #expect(agent.processes.isEmpty)
    }
  }

  /// Processes of other sessions that the replica's holder adopted.
  private static func descendants(of main: Int32) -> [ProcessStat.Identity] {
    let all = ProcessTable.all()
    guard let holder = all.first(where: { $0.identity.processID == main })?.parentID else {
      return []
    }
    return all.filter { $0.parentID == holder && $0.identity.processID != main }.map(\.identity)
  }

  @Test func `one that ignores TERM is killed after its grace`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      let script = "trap '' TERM; while :; do sleep 1; done"
      _ = try await node.start(.init("job", script: script, grace: 1)) { $0.state == .ready }
      let stopped = try await node.stopAll()
      #expect(stopped.leftovers == [])
      #expect(stopped.statuses.first?.state == .stopped)
      #expect(stopped.statuses.first?.end == .signalled(SIGKILL))
      #expect(agent.processes.isEmpty)
    }
  }

  @Test func `one that swallows the first TERM gets another`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      let script = """
        n=0; trap 'n=$((n+1)); [ $n -ge 2 ] && exit 5' TERM; while :; do sleep 0.1; done
        """
      _ = try await node.start(.init("job", script: script, grace: 20)) { $0.state == .ready }
      let stopped = try await node.stopAll()
      #expect(stopped.statuses.first?.exitStatus == 5)
    }
  }

  @Test func `what has failed and is being cleared is begun again once that is done`() async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      // Its server ends, and what it leaves behind takes its time.
      let script = "(trap '' TERM; sleep 1239 & wait; sleep 2) & sleep 0.5; exit 3"
      let spec = ReplicaSpecification("job", script: script, grace: 2)
      let failed = try await node.start(spec) { $0.state == .failed }
      #expect(failed.attempt == 1 && !agent.processes.isEmpty)
      let again = try await node.start(.init("job", script: "sleep 60")) { $0.state == .ready }
      #expect(again.attempt == 2)
      _ = try await node.stopAll()
    }
  }

  @Test func `a coordinator stops what it has had started, and leaves what was there before`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      _ = try await node.start(.init("first", script: "sleep 60")) { $0.processID != 0 }
      _ = try await node.start(.init("over", script: "exit 3")) { $0.state == .failed }
    }
    try await agent.link { node in
      _ = try await node.attach(agent.attachment(epoch: 2, name: "another@here:2"))
      // What it finds is not begun by it, whatever it asks for.
      let found = try await node.start(.init("first", script: "sleep 60")) { $0.processID != 0 }
      #expect(found.startedBy == 1 && found.attempt == 1)
      let again = try await node.start(.init("over", script: "sleep 60")) {
        $0.startedBy == 2 && $0.processID != 0
      }
      #expect(again.attempt == 2)
      var request = Muster_V1_StopRequest()
      request.own = true
      let stopped = try await node.stop(request)
      #expect(stopped.leftovers == [])
      #expect(stopped.statuses.map(\.key.service) == ["first", "over"])
      #expect(stopped.statuses.map(\.state.isLive) == [true, false])
      let ended = try await node.end(.init())
      #expect(ended.leftovers == ["first/0 has not been stopped"])
      request.own = false
      request.replicas = ["first"]
      await #expect(throws: RPCError.self) { try await node.stop(request) }
      _ = try await node.stopAll()
    }
  }

  @Test func `stopping one service leaves the other, and another run, alone`() async throws {
    let (agent, other) = (try TestAgent(), try TestAgent())
    defer {
      agent.destroy()
      other.destroy()
    }
    try await other.claimedLink { stranger in
      _ = try await stranger.start(.init("job", script: "sleep 77")) { $0.processID != 0 }
      try await agent.claimedLink { node in
        _ = try await node.start(.init("job", script: "sleep 60")) { $0.processID != 0 }
        _ = try await node.start(.init("kept", script: "sleep 60")) { $0.processID != 0 }
        var request = Muster_V1_StopRequest()
        request.services = ["job"]
        let stopped = try await node.stop(request)
        #expect(stopped.statuses.map(\.key.service) == ["job", "kept"])
        #expect(stopped.statuses.map(\.state.isLive) == [false, true])
        _ = try await node.stopAll()
      }
      #expect(other.processes.isEmpty == false)
      _ = try await stranger.stopAll()
    }
  }
}

extension ReplicaPhase {
  var isLive: Bool { self == .starting || self == .ready || self == .loading }
}
