import Foundation
import Testing

/// Nodes that die and links that are cut, with real hosts in namespaces of their own.
@Suite(
  .serialized,
  .enabled(
    if: NamespaceCluster.isPossible,
    "SKIPPED: hosts in namespaces need root, sshd and ip (run `sudo scripts/test`)"))
struct FaultTests {
  /// About 12 s of work for four nodes.
  static let work = ["--policy", "lru", "-n", "4000", "-r", "1", "--seed", "3"]
  static let cost = ["--episode-cost", "10ms"]

  @Test func `a node killed in the middle of an eval costs nothing but time`() throws {
    try NamespaceCluster.with(hostCount: 4) { cluster in
      let expected = try cluster.muster(["simulate", "--format", "jsonl"] + Self.work).output
      let eval = try cluster.command(["eval", cluster.manifest] + Self.work + Self.cost).start()
      try Self.waitForRecords(eval)
      try cluster.testbed(["kill", "2"])
      let ending = eval.end(timeout: .seconds(180))
      #expect(ending.status == 0, "\(ending.talk)")
      #expect(try cluster.merged() == expected)
    }
  }

  @Test func `a link that is cut and healed in the middle of an eval changes no byte`() throws {
    try NamespaceCluster.with(hostCount: 4) { cluster in
      let expected = try cluster.muster(["simulate", "--format", "jsonl"] + Self.work).output
      let eval = try cluster.command(["eval", cluster.manifest] + Self.work + Self.cost).start()
      try Self.waitForRecords(eval)
      try cluster.testbed(["cut", "1"])
      let pause = DispatchSemaphore(value: 0)
      _ = pause.wait(timeout: .now() + 3)
      try cluster.testbed(["heal", "1"])
      let ending = eval.end(timeout: .seconds(180))
      #expect(ending.status == 0, "\(ending.talk)")
      #expect(try cluster.merged() == expected)
    }
  }

  @Test func `nodes that share one home keep apart`() throws {
    try NamespaceCluster.with(hostCount: 3, options: ["--shared-home"]) { cluster in
      let work = ["--policy", "value", "-n", "300", "-r", "1"]
      let expected = try cluster.muster(["simulate", "--format", "jsonl"] + work).output
      let eval = try cluster.muster(["eval", cluster.manifest] + work)
      #expect(eval.status == 0, "\(eval.talk)")
      #expect(try cluster.merged() == expected)
    }
  }

  /// Returns when the eval has told of its first records.
  static func waitForRecords(_ eval: RunningProgram) throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    while eval.isRunning, ContinuousClock.now < deadline {
      if eval.talkSoFar.contains(" of 4000") { return }
      sched_yield()
    }
    throw LabCluster.LabFault(words: "no progress: \(eval.talkSoFar)")
  }
}
