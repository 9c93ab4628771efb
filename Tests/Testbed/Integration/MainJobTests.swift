import Foundation
import Testing

/// The main job through the built programs, over real sshd hosts on loopback.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct MainJobTests {
  @Test func `services come up, answer, and go without a trace`() throws {
    try LabCluster.with(hostCount: 4) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 0, "\(up.talk)")
      let status = try cluster.muster(["status", cluster.manifest, "--format", "json"])
      #expect(status.status == 0, "\(status.talk)")
      #expect(status.output.components(separatedBy: #""state":"ready""#).count == 5)
      let logs = try cluster.muster(["logs", cluster.manifest, "policy"])
      #expect(logs.output.contains("Application startup complete."), "\(logs.talk)")
      let down = try cluster.muster(["down", cluster.manifest])
      #expect(down.status == 0, "\(down.talk)")
      #expect(try Self.processCount(naming: cluster.manifest) == 0)
      let after = try cluster.muster(["status", cluster.manifest])
      #expect(after.status == 1, "\(after.output) \(after.talk)")
    }
  }

  @Test func `an eval's merged file is byte for byte what simulate prints`() throws {
    let work = ["--policy", "random", "-n", "500", "-r", "2", "--seed", "7"]
    try LabCluster.with(hostCount: 4) { cluster in
      let eval = try cluster.muster(["eval", cluster.manifest] + work)
      #expect(eval.status == 0, "\(eval.talk)")
      let run = try #require(try cluster.runs().last)
      #expect(try cluster.merged(run) == cluster.simulated(work))
      #expect(eval.output.contains("1000 of 1000"), "\(eval.output)")
      let state = "\(LabCluster.home)/.local/state/muster/runs/\(run.lastPathComponent)"
      // The daemons remove it as they end, which is a moment after they have said so.
      let deadline = ContinuousClock.now.advanced(by: .seconds(10))
      while FileManager.default.fileExists(atPath: state), ContinuousClock.now < deadline {
        sched_yield()
      }
      #expect(!FileManager.default.fileExists(atPath: state), "left on the nodes: \(state)")
    }
  }

  @Test func `a coordinator killed at any instant is resumed and loses nothing`() throws {
    let work = ["--policy", "lru", "-n", "2000", "-r", "1", "--seed", "9"]
    let killCount = Int(ProcessInfo.processInfo.environment["MUSTER_KILLS"] ?? "") ?? 5
    try LabCluster.with(hostCount: 4) { cluster in
      let expected = try cluster.simulated(work)
      let slow = ["--episode-cost", "4ms"]
      // How long it takes where nobody disturbs it.
      let whole = try cluster.muster(["eval", cluster.manifest] + work + slow)
      let lastInstant = max(200, Int(whole.elapsed / .milliseconds(1)))
      var hitCount = 0
      // Some kills come before the run has begun or after it has ended: those do not count.
      for _ in 0..<(3 * killCount) where hitCount < killCount {
        let runCount = try cluster.runs().count
        let eval = try cluster.command(["eval", cluster.manifest] + work + slow).start()
        // The instant is random on purpose; what it meets is not waited for.
        let instant = Int.random(in: 50...lastInstant)
        let pause = DispatchSemaphore(value: 0)
        _ = pause.wait(timeout: .now() + .milliseconds(instant))
        eval.send(SIGKILL)
        let killed = eval.end(timeout: .seconds(10))
        #expect(killed.status == 128 + SIGKILL || killed.status == 0)
        guard killed.status != 0, try cluster.runs().count > runCount else { continue }
        let resumed = try cluster.muster(
          ["eval", cluster.manifest] + work + slow + ["--resume"], timeout: .seconds(90))
        #expect(resumed.status == 0, "\(resumed.talk)")
        let run = try #require(try cluster.runs().last)
        #expect(try cluster.merged(run) == expected)
        hitCount += 1
        print("killed after \(instant) ms, resumed: the same bytes (\(hitCount) of \(killCount))")
      }
      #expect(hitCount == killCount)
      let again = try cluster.muster(["eval", cluster.manifest] + work + ["--resume"])
      #expect(again.status == 0 && again.talk.contains("is over already"), "\(again.talk)")
    }
  }

  @Test(.enabled(if: geteuid() == 0, "a file system of its own needs root"))
  func `a coordinator whose disk is full says so and ends, and with room again it is finished`()
    throws
  {
    let work = ["--policy", "lru", "-n", "20000", "-r", "1", "--seed", "9"]
    try LabCluster.with(hostCount: 2) { cluster in
      func run(_ program: String, _ arguments: [String]) throws -> Int32 {
        try BuiltProgram(executable: program, arguments: arguments).run().status
      }
      let runs = cluster.folder.appending(path: "runs").path()
      try FileManager.default.createDirectory(
        atPath: runs, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let mount = ["-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", runs]
      try #require(try run("/bin/mount", mount) == 0)
      defer { _ = try? run("/bin/umount", ["-l", runs]) }
      let full = try cluster.muster(["eval", cluster.manifest] + work, timeout: .seconds(60))
      #expect(full.status == 1, "\(full.status): \(full.talk)")
      #expect(full.talk.contains("cannot be stored"), "\(full.talk)")
      try #require(try run("/bin/mount", ["-o", "remount,size=64m", runs]) == 0)
      let resumed = try cluster.muster(["eval", cluster.manifest] + work + ["--resume"])
      #expect(resumed.status == 0, "\(resumed.talk)")
      let folder = try #require(try cluster.runs().last)
      #expect(try cluster.merged(folder) == cluster.simulated(work))
    }
  }

  @Test func `an interrupt leaves services running and they can be stopped later`() throws {
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let attach = try cluster.command(["attach", cluster.manifest]).start()
      while attach.isRunning, !attach.talkSoFar.contains("ready") { sched_yield() }
      attach.send(SIGINT)
      #expect(attach.end(timeout: .seconds(10)).status == 130)
      #expect(try cluster.muster(["status", cluster.manifest]).status == 0)
      #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
    }
  }

  @Test func `a service that fails is named with its node and last lines, and nothing stays`()
    throws
  {
    let services = """
        broken:
          recipe: command
          argv: [sh, -c, "echo the reason; exit 3"]
          probe: {tcp: 1}
      """
    try LabCluster.with(hostCount: 2, services: services) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 1)
      #expect(up.talk.contains("status 3"), "\(up.talk)")
      #expect(up.talk.contains("the reason"), "\(up.talk)")
    }
  }

  @Test func `a secret reaches its service and nothing else`() throws {
    let canary = "canary-\(UInt64.random(in: 0..<UInt64.max))"
    let services = """
        keyed:
          recipe: command
          run: 'test -n "$MUSTER_CANARY" && echo it has the key && exec sleep 600'
          probe: {log: it has the key}
          secrets: [MUSTER_CANARY]
      secrets: [MUSTER_CANARY]
      """
    try LabCluster.with(hostCount: 2, services: services) { cluster in
      let without = try cluster.muster(["up", cluster.manifest])
      #expect(without.status != 0 && without.talk.contains("MUSTER_CANARY"), "\(without.talk)")
      var up = cluster.command(["up", cluster.manifest])
      up.environment["MUSTER_CANARY"] = canary
      let ending = try up.run()
      #expect(ending.status == 0, "\(ending.talk)")
      var plan = cluster.command(["plan", cluster.manifest, "--format", "json"])
      plan.environment["MUSTER_CANARY"] = canary
      let logs = try cluster.muster(["logs", cluster.manifest, "keyed"])
      #expect(logs.output.contains("it has the key"))
      for text in [ending.talk, ending.output, try plan.run().output, logs.output] {
        #expect(!text.contains(canary))
      }
      // The same search finds the name, so that not finding the value means something.
      let folders = [
        cluster.folder.path(), "\(LabCluster.home)/.local/state/muster",
        "/tmp/muster-\(getuid())",
      ]
      let named = try Self.files(naming: "MUSTER_CANARY", in: folders)
      for file in ["env.sh", "plan.json"] {
        #expect(named.contains { $0.hasSuffix("/\(file)") }, "\(file) in \(named)")
      }
      #expect(try Self.files(naming: canary, in: folders) == [])
      #expect(try Self.processCount(naming: canary) == 0)
      #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
    }
  }

  @Test func `down names a foreign process that has a port of ours, and waits for nobody`() throws {
    // A port that was free a moment ago.
    let port = try WebhookReceiver.freePort()
    let services = """
        holder:
          recipe: command
          run: exec sleep 600
          ports: [\(port)]
      """
    try LabCluster.with(hostCount: 1, services: services) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 0, "\(up.talk)")
      let foreigner = try WebhookReceiver(answer: "", port: port)
      defer { foreigner.close() }
      let down = try cluster.muster(["down", cluster.manifest])
      #expect(down.status == 0, "\(down.talk)")
      let words = "holder/0: port \(port) is now that of process \(getpid()) ("
      #expect(down.talk.contains(words), "\(down.talk)")
      #expect(down.talk.contains("nothing is left on node01"), "\(down.talk)")
      // The agent has ended with it.
      #expect(try cluster.muster(["status", cluster.manifest]).status == 1)
    }
  }

  /// Files at any depth below the folders that hold the text.
  private static func files(naming text: String, in folders: [String]) throws -> [String] {
    let arguments = ["-rlsF", "--exclude=muster-node", text] + folders
    return try BuiltProgram(executable: "/usr/bin/grep", arguments: arguments).run().output
      .split(separator: "\n").map(String.init)
  }

  /// Processes whose environment or command line names the text.
  static func processCount(naming text: String) throws -> Int {
    let own = "\(getpid())"
    return try FileManager.default.contentsOfDirectory(atPath: "/proc")
      .filter { Int($0) != nil && $0 != own }
      .count { process in
        let line = (try? Data(contentsOf: URL(filePath: "/proc/\(process)/cmdline"))) ?? Data()
        return String(decoding: line, as: UTF8.self).contains(text)
      }
  }
}
