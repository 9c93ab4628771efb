import Foundation
import Testing

/// What happens when whoever watched is gone: the daemon on a node, the folder of the run, or when two
/// watch at once.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct LostSightTests {
  /// A service that is ready after so many seconds.
  private static func slow(_ seconds: Int) -> String {
    """
      slow:
        recipe: command
        run: sleep \(seconds); echo up now; exec sleep 600
        probe: {log: up now}
    """
  }

  @Test func `a killed daemon is started anew, and what it kept runs on until it is stopped`()
    throws
  {
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let before = try Self.replicas(cluster)
      let run = try #require(try cluster.runs().last?.lastPathComponent)
      let kill = BuiltProgram(
        executable: "/usr/bin/pkill", arguments: ["-KILL", "-f", "muster-node daemon --run \(run)"])
      #expect(try kill.run().status == 0)
      // Who only looks starts none.
      let top = try cluster.muster(["top", cluster.manifest, "--once"])
      #expect(top.status == 2, "\(top.output)")
      let find = BuiltProgram(
        executable: "/usr/bin/pgrep", arguments: ["-f", "muster-node daemon --run \(run)"])
      #expect(try find.run().status == 1)
      #expect(try Self.replicas(cluster) == before)
      #expect(before.count == 2 && before.allSatisfy { $0.hasPrefix("ready 1 ") })
      #expect(try kill.run().status == 0)
      let down = try cluster.muster(["down", cluster.manifest])
      #expect(down.status == 0, "\(down.talk)")
      #expect(try Self.processesLeft(cluster) == "")
    }
  }

  @Test func `a run is found, read and ended from a machine that has no folder of it`() throws {
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let before = try Self.replicas(cluster)
      let run = try #require(try cluster.runs().last?.lastPathComponent)
      let elsewhere = cluster.folder.appending(path: "elsewhere").path()
      let runs = ["--runs", elsewhere]
      let status = try cluster.muster(["status", cluster.manifest] + runs)
      #expect(status.status == 0, "\(status.talk)")
      #expect(status.talk.contains("run \(run) was found on its nodes"), "\(status.talk)")
      #expect(try Self.replicas(cluster, runs) == before)
      let logs = try cluster.muster(["logs", cluster.manifest, "policy"] + runs)
      #expect(logs.output.contains("Application startup complete."), "\(logs.talk)")
      let down = try cluster.muster(["down", cluster.manifest] + runs)
      #expect(down.status == 0, "\(down.talk)")
      #expect(try Self.processesLeft(cluster) == "")
      let after = try cluster.muster(
        ["status", cluster.manifest, "--runs", "\(elsewhere)-again"])
      #expect(after.status == 1, "\(after.talk)")
      #expect(after.talk.contains("nor the nodes know one"), "\(after.talk)")
    }
  }

  @Test func `a second launch of a run is told who is at it, and the first goes on`() throws {
    try LabCluster.with(hostCount: 2, services: Self.slow(6)) { cluster in
      let first = try cluster.command(["up", cluster.manifest]).start()
      while first.isRunning, !first.talkSoFar.contains("starting `slow`") { sched_yield() }
      let second = try cluster.muster(["up", cluster.manifest])
      #expect(second.status == 2, "\(second.talk)")
      #expect(second.talk.contains("another coordinator holds the run"), "\(second.talk)")
      #expect(second.talk.contains("pid \(first.processID)"), "\(second.talk)")
      let ending = first.end(timeout: .seconds(30))
      #expect(ending.status == 0, "\(ending.talk)")
      let third = try cluster.muster(["up", cluster.manifest])
      #expect(third.status == 0 && third.talk.contains("is there already"), "\(third.talk)")
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `an up that is interrupted while services start ends, and they go on`(signal: Int32) throws {
    try LabCluster.with(hostCount: 1, services: Self.slow(5)) { cluster in
      let up = try cluster.command(["up", cluster.manifest]).start()
      while up.isRunning, !up.talkSoFar.contains("starting `slow`") { sched_yield() }
      up.send(signal)
      let ending = up.end(timeout: .seconds(10))
      #expect(ending.status == 130, "\(ending.talk)")
      #expect(ending.talk.contains("what was started runs on"), "\(ending.talk)")
      let again = try cluster.muster(["up", cluster.manifest])
      #expect(again.status == 0 && again.talk.contains("is there already"), "\(again.talk)")
    }
  }

  /// At any instant: before `up` has a link, while it starts, and after.
  @Test(arguments: [0, 60, 120, 250, 500, 1_000])
  func `what down has proved to be gone does not come back by an up that is under way`(
    milliseconds: Int
  ) throws {
    try LabCluster.with(hostCount: 2, services: Self.slow(5)) { cluster in
      let up = try cluster.command(["up", cluster.manifest]).start()
      while up.isRunning, !up.talkSoFar.contains("run ") { sched_yield() }
      _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(milliseconds))
      let down = try cluster.muster(["down", cluster.manifest])
      #expect(down.status == 0, "\(down.talk)")
      let ending = up.end(timeout: .seconds(20))
      let words = ["another command has taken the run over", "ended by another command"]
      #expect(
        ending.status == 1 && words.contains { ending.talk.contains($0) }, "\(ending.talk)")
      #expect(try cluster.muster(["status", cluster.manifest]).status == 1)
      #expect(try Self.processesLeft(cluster) == "")
    }
  }

  /// State, attempt and process of each replica.
  private static func replicas(
    _ cluster: LabCluster, _ options: [String] = []
  ) throws -> [String] {
    struct Answer: Decodable {
      struct Replica: Decodable {
        var state: String
        var attempt: Int
        var pid: Int
      }
      var replicas: [Replica]
    }
    let status = try cluster.muster(
      ["status", cluster.manifest, "--format", "json"] + options)
    return try JSONDecoder().decode(Answer.self, from: Data(status.output.utf8))
      .replicas.map { "\($0.state) \($0.attempt) \($0.pid)" }
  }

  /// Command lines that name the cluster's ports or folder, but for its sshd hosts.
  private static func processesLeft(_ cluster: LabCluster) throws -> String {
    let folder = cluster.folder.lastPathComponent
    let text = try String(contentsOfFile: cluster.manifest, encoding: .utf8)
    let port = text.split(separator: "port: ").last?.prefix(5) ?? "none"
    return try BuiltProgram(
      executable: "/usr/bin/pgrep", arguments: ["-af", "stub-model-server.*\(port)|\(folder)/no"]
    ).run().output
  }
}
