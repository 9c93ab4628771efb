import Foundation
import Testing

/// Commands that want the same run at the same time, and runs of which a part is damaged.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct TwoAtOnceTests {
  private static let slowService = """
      slow:
        recipe: command
        run: sleep 4; echo up now; exec sleep 600
        probe: {log: up now}
    """

  /// Takes a minute, if nobody ends it.
  private static func eval(_ cluster: LabCluster, seed: Int) -> BuiltProgram {
    cluster.command(
      ["eval", cluster.manifest, "-n", "2000", "-r", "1", "--seed", "\(seed)"]
        + ["--episode-cost", "30ms"])
  }

  @Test func `an eval takes the run from nobody, and who loses it says to whom, at once`() throws {
    try LabCluster.with(hostCount: 2, services: Self.slowService) { cluster in
      let up = try cluster.command(["up", cluster.manifest]).start()
      while up.isRunning, !up.talkSoFar.contains("starting `slow`") { sched_yield() }
      let early = try Self.eval(cluster, seed: 1).run()
      #expect(early.status == 2 && early.talk.contains("pid \(up.processID)"), "\(early.talk)")
      let launched = up.end(timeout: .seconds(30))
      #expect(launched.status == 0, "\(launched.talk)")

      let first = try Self.eval(cluster, seed: 1).start()
      try Self.waitForRecords(cluster, of: first)
      let second = try Self.eval(cluster, seed: 2).run()
      #expect(
        second.status == 2 && second.talk.contains("pid \(first.processID)"), "\(second.talk)")
      #expect(second.output == "" && second.elapsed < .seconds(20))
      let down = try cluster.muster(["down", cluster.manifest])
      #expect(down.status == 0, "\(down.talk)")
      let lost = first.end(timeout: .seconds(10))
      #expect(
        lost.status == 2 && lost.talk.contains("the run is held by"), "\(lost.status) \(lost.talk)")
    }
  }

  @Test func `a plan that is cut off keeps nobody from the run, and its folder can go`() throws {
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let plan = try #require(try cluster.runs().last).appending(path: "plan.json")
      let whole = try Data(contentsOf: plan)
      try whole.prefix(100).write(to: plan)
      let status = try cluster.muster(["status", cluster.manifest])
      #expect(status.status == 0 && status.talk.contains("\(plan.path())"), "\(status.talk)")
      #expect(try Data(contentsOf: plan) == whole, "the nodes have it still")
      try Data().write(to: plan)
      let down = try cluster.muster(["down", cluster.manifest])
      #expect(down.status == 0 && down.talk.contains("nothing is left"), "\(down.talk)")
      try FileManager.default.removeItem(at: plan)
      try FileManager.default.removeItem(
        at: plan.deletingLastPathComponent().appending(path: "finished"))
      let after = try cluster.muster(["status", cluster.manifest])
      #expect(after.status == 1 && after.talk.contains("\(plan.path())"), "\(after.talk)")
      let pruned = try cluster.muster(["runs", "prune", cluster.manifest, "--older", "0m"])
      #expect(pruned.status == 0 && pruned.talk.contains("removed"), "\(pruned.talk)")
      #expect(try cluster.runs().isEmpty)
    }
  }

  @Test func `a launch from another folder finds what is up, and leaves it as it is`() throws {
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let run = try #require(try cluster.runs().last?.lastPathComponent)
      let elsewhere = ["--runs", cluster.folder.appending(path: "elsewhere").path()]
      let second = try cluster.muster(["up", cluster.manifest] + elsewhere)
      #expect(second.status == 0, "\(second.talk)")
      #expect(second.talk.contains("run \(run) was found on its nodes"), "\(second.talk)")
      #expect(second.talk.contains("is there already"), "\(second.talk)")
      // Both ways to it end it, and one of two that do so at once may find it ended.
      let downs = try [[], elsewhere].map {
        try cluster.command(["down", cluster.manifest] + $0).start()
      }
      let endings = downs.map { $0.end(timeout: .seconds(60)) }
      #expect(endings.contains { $0.status == 0 })
      #expect(endings.allSatisfy { [0, 2].contains($0.status) }, "\(endings.map(\.talk))")
      #expect(endings.allSatisfy { !$0.talk.contains("clientIsStopped") }, "\(endings.map(\.talk))")
    }
  }

  @Test func `a result is merged by one process at a time, also of an eval that is over`() throws {
    try LabCluster.with(hostCount: 1) { cluster in
      let eval = ["eval", cluster.manifest, "-n", "20", "-r", "1"]
      #expect(try cluster.muster(eval).status == 0)
      let lock = try #require(try cluster.runs().last).appending(path: "lock")
      let file = open(lock.path(), O_RDWR)
      defer { close(file) }
      #expect(flock(file, LOCK_EX | LOCK_NB) == 0)
      let resumed = try cluster.muster(eval + ["--resume"])
      #expect(resumed.status == 2 && resumed.talk.contains("another process"), "\(resumed.talk)")
    }
  }

  private static func waitForRecords(_ cluster: LabCluster, of eval: RunningProgram) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while eval.isRunning, ContinuousClock.now < deadline {
      let folder = try cluster.runs().last?.appending(path: "records").path() ?? ""
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      let sizes = names.map { name in
        (try? Data(contentsOf: URL(filePath: "\(folder)/\(name)")).count) ?? 0
      }
      if sizes.contains(where: { $0 > 0 }) { return }
      sched_yield()
    }
  }
}
