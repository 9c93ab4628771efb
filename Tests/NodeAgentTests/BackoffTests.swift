import FoundationEssentials
import Health
import Launch
import NodeAPI
import NodeAgent
import Testing

@Suite
struct `A replica that is started again` {
  @Test func `a failure is followed by other attempts, each with its log, and then given up`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      var spec = ReplicaSpecification("job", script: "echo attempt; exit 3")
      spec.launch.restartCountMax = 2
      let between = try await node.start(spec) { $0.state == .backoff }
      #expect(between.reason.hasSuffix("by itself; attempt 2 follows after 1 s"))
      #expect(between.exitStatus == 3)
      let last = try await node.wait(for: "job") { $0.state == .failed }
      #expect(last.attempt == 3)
      for attempt in 1...3 {
        let log = "\(agent.stateFolder)/job-0/attempt-\(attempt)/output.log"
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "attempt\n")
      }
      // It is over: nothing has to be stopped.
      #expect(try await node.end(.init()).leftovers == [])
    }
  }

  @Test func `the attempt that works is ready, and told with its number`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let script = "test -e \(agent.folder)/seen || { touch \(agent.folder)/seen; exit 1; }; sleep 60"
    try await agent.claimedLink { node in
      var spec = ReplicaSpecification("job", script: script)
      spec.launch.restartCountMax = 1
      let ready = try await node.start(spec) { $0.state == .ready }
      #expect(ready.attempt == 2)
      #expect(try await node.stopAll().leftovers == [])
      #expect(agent.processes.isEmpty)
    }
  }

  @Test func `one that is stopped between two attempts stays away`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      var spec = ReplicaSpecification("job", script: "exit 1")
      spec.launch.restartCountMax = 1000
      // The third pause is long enough to be met.
      _ = try await node.start(spec) { $0.state == .backoff && $0.attempt == 3 }
      let stopped = try await node.stopAll()
      #expect(stopped.leftovers == [])
      #expect(stopped.statuses.first?.state == .failed)
      #expect(stopped.statuses.first?.attempt == 3)
      #expect(try await node.end(.init()).leftovers == [])
    }
  }

  @Test func `what cannot be launched is not tried again`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      var spec = ReplicaSpecification("job", script: "")
      spec.launch.argv = ["no-such-program-here"]
      spec.launch.restartCountMax = 5
      let failed = try await node.start(spec) { $0.state == .failed || $0.state == .backoff }
      #expect(failed.state == .failed)
      #expect(failed.attempt == 1)
    }
  }
}
