import Foundation
import Testing

/// What is kept of runs, and its removal, on real hosts.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct OldRunsTests {
  private struct Answer: Decodable {
    struct Run: Decodable {
      struct Node: Decodable {
        var node: String
        var bytes: Int
      }
      var run: String
      var state: String
      var bytes: Int?
      var nodes: [Node]
    }
    var runs: [Run]
  }

  private static func list(_ cluster: LabCluster, _ options: [String] = []) throws -> [Answer.Run] {
    let ending = try cluster.muster(["runs", cluster.manifest, "--format", "json"] + options)
    #expect(ending.status == 0, "\(ending.talk)")
    return try JSONDecoder().decode(Answer.self, from: Data(ending.output.utf8)).runs
  }

  @Test func `runs are listed here and on the nodes, and only those that are over go`() throws {
    try LabCluster.with(hostCount: 2) { cluster in
      for _ in 0..<2 {
        #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
        #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
      }
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let runs = try Self.list(cluster)
      #expect(runs.map(\.state) == ["live", "over", "over"])
      #expect(runs.allSatisfy { $0.nodes.count == 2 && $0.bytes ?? 0 > 0 })
      #expect(runs.allSatisfy { $0.nodes.allSatisfy { $0.bytes > 0 } })
      let shown = try cluster.muster([
        "runs", "prune", cluster.manifest, "--keep", "0", "--dry-run",
      ])
      #expect(shown.status == 0 && shown.output.contains(runs[1].run), "\(shown.talk)")
      #expect(!shown.output.contains(runs[0].run))
      #expect(try Self.list(cluster).count == 3)
      let pruned = try cluster.muster(["runs", "prune", cluster.manifest, "--keep", "0"])
      #expect(pruned.status == 0, "\(pruned.talk)")
      for run in runs.dropFirst() { #expect(pruned.talk.contains("removed \(run.run): ")) }
      #expect(try Self.list(cluster).map(\.run) == [runs[0].run])
      #expect(try cluster.runs().map(\.lastPathComponent) == [runs[0].run])
      // From a machine that has none of its folders too.
      let elsewhere = ["--runs", cluster.folder.appending(path: "elsewhere").path()]
      let seen = try Self.list(cluster, elsewhere)
      #expect(seen.map(\.state) == ["live"] && seen.first?.bytes == nil)
      #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
      let rest = try cluster.muster(
        ["runs", "prune", cluster.manifest, "--older", "0m"] + elsewhere)
      #expect(rest.status == 0 && rest.talk.contains("removed \(runs[0].run): "), "\(rest.talk)")
      #expect(try Self.list(cluster, elsewhere).isEmpty)
    }
  }

  @Test func `a number or an age is needed, and one of them`() throws {
    for options in [[], ["--keep", "1", "--older", "1d"], ["--keep", "-1"], ["--older", "soon"]] {
      let words = ["runs", "prune", "no-such.yaml"] + options
      let ending = try BuiltProgram(executable: BuiltProgram.muster, arguments: words).run()
      #expect(ending.status == 64, "\(options): \(ending.talk)")
    }
  }
}
