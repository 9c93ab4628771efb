import Foundation
import Testing

/// A run that is there, of which something has failed.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct RepairTests {
  private struct Replica: Decodable, Equatable {
    var service: String
    var index: Int
    var state: String
    var attempt: Int
    var pid: Int32
  }

  private static let services = """
      data:
        recipe: command
        run: echo up now; exec sleep 600
        probe: {log: up now}
      job:
        recipe: command
        after: [data]
        run: echo up now; exec sleep 600
        probe: {log: up now}
    """

  private static func replicas(_ cluster: LabCluster) throws -> [String: Replica] {
    struct Answer: Decodable { var replicas: [Replica] }
    let status = try cluster.muster(["status", cluster.manifest, "--format", "json"])
    let answer = try JSONDecoder().decode(Answer.self, from: Data(status.output.utf8))
    return Dictionary(
      uniqueKeysWithValues: answer.replicas.map { ("\($0.service)/\($0.index)", $0) })
  }

  /// Kills a replica's process, and returns when it has failed.
  private static func kill(_ key: String, _ cluster: LabCluster) throws {
    let process = try #require(try Self.replicas(cluster)[key]?.pid)
    #expect(Foundation.kill(process, SIGKILL) == 0)
    let deadline = ContinuousClock.now.advanced(by: .seconds(20))
    while try Self.replicas(cluster)[key]?.state != "failed", ContinuousClock.now < deadline {
      sched_yield()
    }
  }

  @Test func `up starts what has failed, and touches nothing of what runs`() throws {
    try LabCluster.with(hostCount: 2, services: Self.services) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      for (attempt, key) in ["job/0", "data/1", "job/0"].enumerated() {
        let before = try Self.replicas(cluster)
        try Self.kill(key, cluster)
        let up = try cluster.muster(["up", cluster.manifest])
        #expect(up.status == 0, "\(attempt): \(up.talk)")
        var after = try Self.replicas(cluster)
        #expect(after[key]?.state == "ready")
        #expect(after[key]?.attempt == (before[key]?.attempt ?? 0) + 1)
        after[key] = before[key]
        #expect(after == before)
      }
      // Nothing is wrong: nothing is done.
      let before = try Self.replicas(cluster)
      let again = try cluster.muster(["up", cluster.manifest])
      #expect(again.status == 0, "\(again.talk)")
      #expect(try Self.replicas(cluster) == before)
    }
  }

  @Test func `what fails again ends nothing of what was there`() throws {
    let flag = FileManager.default.temporaryDirectory
      .appending(path: "muster-repair-\(UInt32.random(in: 0..<UInt32.max))")
    defer { try? FileManager.default.removeItem(at: flag) }
    let services = """
      \(Self.services)
        flaky:
          recipe: command
          run: test ! -e \(flag.path()) || exit 7; echo up now; exec sleep 600
          probe: {log: up now}
      """
    try LabCluster.with(hostCount: 2, services: services) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 0, "\(up.talk)")
      let before = try Self.replicas(cluster)
      try Data().write(to: flag)
      try Self.kill("flaky/0", cluster)
      for command in [["up", cluster.manifest], ["restart", cluster.manifest, "flaky/0"]] {
        let ending = try cluster.muster(command)
        #expect(ending.status == 1 && ending.talk.contains("status 7"), "\(ending.talk)")
        var after = try Self.replicas(cluster)
        #expect(after["flaky/0"]?.state == "failed")
        after["flaky/0"] = before["flaky/0"]
        #expect(after == before)
      }
      try FileManager.default.removeItem(at: flag)
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      #expect(try Self.replicas(cluster)["flaky/0"]?.state == "ready")
    }
  }

  @Test func `restart ends and starts what is named, and nothing else`() throws {
    try LabCluster.with(hostCount: 2, services: Self.services) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      for (word, named) in [
        ("job/1", ["job/1"]), ("data", ["data/0", "data/1"]), ("node02", ["data/1", "job/1"]),
      ] {
        let before = try Self.replicas(cluster)
        let restart = try cluster.muster(["restart", cluster.manifest, word])
        #expect(restart.status == 0, "\(word): \(restart.talk)")
        let after = try Self.replicas(cluster)
        for (key, replica) in after {
          #expect(replica.state == "ready")
          #expect((replica != before[key]) == named.contains(key), "\(word): \(replica)")
        }
      }
      try Self.kill("job/0", cluster)
      #expect(try cluster.muster(["restart", cluster.manifest, "job/0"]).status == 0)
      #expect(try Self.replicas(cluster)["job/0"]?.state == "ready")
      let unknown = try cluster.muster(["restart", cluster.manifest, "jobs"])
      #expect(unknown.status == 1 && unknown.talk.contains("its services are"), "\(unknown.talk)")
      #expect(try cluster.muster(["restart", cluster.manifest]).status == 64)
    }
  }
}
