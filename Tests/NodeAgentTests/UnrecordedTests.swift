import Foundation
import Health
import Launch
import NodeAPI
import OperatingSystem
import Testing

@testable import NodeAgent

/// What runs is written down, or does not run.
@Suite
struct `A state disk that refuses` {
  @Test func `what cannot be recorded is not even begun, and the reason is the disk's`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    // No file can take its place.
    try PlainFile.makeFolders("\(agent.stateFolder)/job-0/attempt-1/record/x")
    try await agent.claimedLink { node in
      let failed = try await node.start(
        .init("job", script: "touch \(agent.folder)/ran; sleep 60")
      ) { $0.state == .failed || $0.processID != 0 }
      #expect(failed.state == .failed)
      #expect(failed.reason.contains("Is a directory"), "\(failed.reason)")
      #expect(!FileManager.default.fileExists(atPath: "\(agent.folder)/ran"))
      #expect(agent.processes.isEmpty)
      #expect(try await node.stopAll().leftovers == [])
    }
  }

  /// Whoever watches hears of it before the answer comes: as of a failure, not as of somebody's stop.
  @Test func `what cannot even be prepared has failed, with the disk's reason`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try PlainFile.makeFolders("\(agent.stateFolder)/job-0/spec.json/x")
    try await agent.claimedLink { node in
      await #expect(throws: (any Error).self) {
        _ = try await node.start(.init("job", script: "sleep 60")) { _ in true }
      }
      let status = try await node.wait(for: "job") { $0.state.isFinal }
      #expect(status.state == .failed)
      #expect(status.reason.contains("Is a directory"), "\(status.reason)")
      #expect(agent.processes.isEmpty)
      #expect(try await node.stopAll().leftovers == [])
    }
  }

  /// Whichever file of a start is the first that has no place.
  @Test(
    .enabled(if: geteuid() == 0, "mounts small disks: needs root"), .timeLimit(.minutes(2)))
  func `on a disk that fills up nothing runs of which there is no record`() async throws {
    let taken = try await Self.onDisk(files: 1000) { agent in
      try await agent.claimedLink { node in
        _ = try await node.start(.init("job", script: "sleep 60")) { $0.state == .ready }
        var facts = statvfs()
        try #require(statvfs("\(agent.folder)/state", &facts) == 0)
        _ = try await node.stopAll()
        return Int(facts.f_files - facts.f_ffree)
      }
    }
    var failedCount = 0
    for files in taken - 4...taken + 1 {
      failedCount += try await Self.onDisk(files: files) { agent in
        try await agent.claimedLink { node -> Int in
          let status = try? await node.start(.init("job", script: "sleep 60")) {
            $0.state == .failed || $0.processID != 0
          }
          let hasFailed = status.map { $0.state == .failed } ?? true
          if hasFailed {
            #expect(agent.processes.isEmpty, "\(files) files")
          } else {
            let record = ProcessRecord.read(at: "\(agent.stateFolder)/job-0/attempt-1/record")
            guard case .launched = record else {
              Issue.record(
                "\(files) files: it runs, and its record is \(String(describing: record))")
              return 0
            }
          }
          let left = try await node.stopAll().leftovers
          #expect(left == [] && agent.processes.isEmpty)
          return hasFailed ? 1 : 0
        }
      }
    }
    #expect(failedCount > 1 && failedCount < 6)
  }

  @Test(.enabled(if: geteuid() == 0, "mounts a small disk: needs root"))
  func `what runs when a disk has become full is stopped by whoever comes`() async throws {
    try await Self.onDisk(files: 100) { agent in
      try await agent.claimedLink { node in
        _ = try await node.start(.init("job", script: "sleep 60")) { $0.processID != 0 }
      }
      var count = 0
      while case let file = open("\(agent.folder)/state/\(count)", O_CREAT, 0o600), file >= 0 {
        close(file)
        count += 1
      }
      try await agent.link { node in
        _ = try await node.attach(agent.attachment(epoch: 2, name: "another@here:2"))
        #expect(try await node.stopAll().leftovers == [])
      }
      #expect(agent.processes.isEmpty)
    }
  }

  /// - Parameter files: That the disk of the agent's state takes.
  private static func onDisk<Result: Sendable>(
    files: Int, _ body: (TestAgent) async throws -> Result
  ) async throws -> Result {
    let agent = try TestAgent()
    let path = "\(agent.folder)/state"
    try PlainFile.makeFolders(path)
    try #require(mount("muster-test", path, "tmpfs", 0, "size=8m,nr_inodes=\(files)") == 0)
    defer {
      umount2(path, CInt(MNT_DETACH))
      agent.destroy()
    }
    return try await body(agent)
  }

  @Test func `a holder that cannot write down an end is there still for orphans`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      // An orphan without environment: known as what its holder has adopted, and by nothing else.
      let script = """
        (env -i setsid sleep 1236 &); while [ ! -e \(agent.folder)/go ]; do sleep 0.1; done; exit 3
        """
      let status = try await node.start(.init("job", script: script)) { $0.state == .ready }
      let main = try #require(ProcessTable.stat(of: Int32(status.processID)))
      let stray = try #require(
        ProcessTable.all().first { $0.parentID == main.parentID && $0.name == "sleep" })
      let attempt = "\(agent.stateFolder)/job-0/attempt-1"
      try FileManager.default.moveItem(atPath: attempt, toPath: "\(attempt)-away")
      try agent.touch("go")
      try await eventually { !ProcessTable.isAlive(main.identity) }
      #expect(ProcessTable.stat(of: stray.identity.processID)?.parentID == main.parentID)
      // Its end is waited for a while: somebody might write it yet.
      let failed = try await node.wait(for: "job") { $0.state == .failed }
      #expect(failed.exitStatus == nil)
      #expect(try await node.stopAll().leftovers == [])
      #expect(!ProcessTable.isAlive(stray.identity))
    }
  }

  @Test func `a stop ends what is known by nothing but the log that it writes`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let (daemon, stray) = try await agent.link { node in
      let attached = try await node.attach(agent.attachment())
      let script = "(env -i setsid sleep 1238 &); sleep 60; exit 3"
      let status = try await node.start(.init("job", script: script)) { $0.state == .ready }
      let main = try #require(ProcessTable.stat(of: Int32(status.processID)))
      let holder = try #require(ProcessTable.stat(of: main.parentID))
      let stray = try #require(
        ProcessTable.all().first { $0.parentID == main.parentID && $0.name == "sleep" })
      // Who knows it as an orphan of its holder goes, too.
      for process in [holder, main] { ProcessTable.send(SIGKILL, to: process.identity) }
      return (attached.processID, stray.identity)
    }
    kill(pid_t(daemon), SIGKILL)
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    #expect(ProcessTable.isAlive(stray))
    let left = try await agent.claimedLink { node in try await node.stopAll().leftovers }
    #expect(left == [] && !ProcessTable.isAlive(stray))
  }

  @Test func `a stop of all ends what bears the run's mark and nobody keeps, another leaves it`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    var environment = agent.environment
    environment["MUSTER_RUN"] = "\(agent.run)/\(agent.node)"
    environment["MUSTER_SERVICE"] = "lost"
    environment["MUSTER_INDEX"] = "0"
    let process = try ChildProcess(argv: ["/bin/sleep", "1237"], environment: environment).spawn()
    let stray = try #require(ProcessTable.stat(of: process)?.identity)
    defer { ChildProcess.kill(process) }
    try await agent.claimedLink { node in
      _ = try await node.start(.init("job", script: "sleep 60")) { $0.processID != 0 }
      var request = Muster_V1_StopRequest()
      request.replicas = ["job/0"]
      let stopped = try await node.stop(request)
      #expect(stopped.leftovers == [] && stopped.statuses.map(\.state) == [.stopped])
      #expect(ProcessTable.isAlive(stray))
      #expect(try await node.stopAll().leftovers == [])
      #expect(!ProcessTable.isAlive(stray))
    }
  }

  @Test func `a start that a killed daemon had begun is ended by the next, and shown as over`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let (daemon, status) = try await agent.claimedLink { node in
      let status = try await node.start(.init("job", script: "sleep 60")) { $0.processID != 0 }
      return (try await node.attach(agent.attachment()).processID, status)
    }
    kill(pid_t(daemon), SIGKILL)
    try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
    // As if the daemon had been killed before it was written down.
    try ProcessRecord.launching.publish(at: "\(agent.stateFolder)/job-0/attempt-1/record")
    try await agent.claimedLink { node in
      let over = try await node.wait(for: "job") { $0.state == .failed }
      #expect(over.reason == "the daemon ended before it had started")
      #expect(ProcessTable.stat(of: Int32(status.processID))?.isGone ?? true)
      #expect(agent.processes.isEmpty)
    }
  }
}
