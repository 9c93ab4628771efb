import Foundation
import Testing

/// What Muster tells others of a run: endpoints, the way to a state, a bundle.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct FactsTests {
  @Test func `endpoints are those that are ready, and why says how they came to it`() throws {
    try LabCluster.with(hostCount: 2) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let list = try cluster.muster(["endpoints", cluster.manifest])
      #expect(list.status == 0, "\(list.talk)")
      let urls = list.output.split(separator: "\n").map(String.init)
      #expect(!urls.isEmpty && urls.allSatisfy { $0.hasPrefix("http://") && $0.hasSuffix("/v1") })
      let gym = try cluster.muster(["endpoints", cluster.manifest, "--format", "nemo-gym"])
      for url in urls { #expect(gym.output.contains("  - \"\(url)\"\n"), "\(gym.output)") }
      #expect(gym.output.contains("policy_api_key: \"EMPTY\"\npolicy_model_name: \"tiny\"\n"))

      let why = try cluster.muster(["why", cluster.manifest, "policy/0"])
      #expect(why.status == 0, "\(why.talk)")
      let order = ["starting", "ready"].compactMap { why.output.range(of: " \($0)") }
      #expect(order.count == 2, "\(why.output)")
      #expect(order.map(\.lowerBound) == order.map(\.lowerBound).sorted(), "\(why.output)")
      #expect(why.output.contains("next: `muster status "), "\(why.output)")
      #expect(try cluster.muster(["why", cluster.manifest, "nobody"]).status == 1)
      #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
      #expect(try cluster.muster(["endpoints", cluster.manifest]).status == 1)
    }
  }

  /// A service prints a secret of the manifest and a token of its own; then it lives, or it fails and
  /// its last lines come into the journal.
  @Test(arguments: [("exec sleep 600", "{log: saw}"), ("exit 3", "{tcp: 1}")])
  func `a bundle has everything but secrets`(end: String, probe: String) throws {
    let canary = "canary-\(UInt64.random(in: 0..<UInt64.max))"
    let services = """
        talker:
          recipe: command
          run: 'echo saw $MUSTER_CANARY and OWN_TOKEN=$OWN_TOKEN; \(end)'
          probe: \(probe)
          env: {OWN_TOKEN: own-\(canary)}
      secrets: [MUSTER_CANARY]
      """
    try LabCluster.with(hostCount: 1, services: services) { cluster in
      func muster(_ arguments: [String]) throws -> BuiltProgram.Ending {
        var command = cluster.command(arguments)
        command.environment["MUSTER_CANARY"] = canary
        return try command.run()
      }
      let up = try muster(["up", cluster.manifest])
      let collect = try muster(["collect", cluster.manifest, "--output", "bundle.tar.gz"])
      #expect(collect.status == 0, "\(up.talk) \(collect.talk)")
      let file = cluster.folder.appending(path: "bundle.tar.gz").path()
      let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      let text = try BuiltProgram(
        executable: "/bin/tar", arguments: ["-xzOf", file], folder: cluster.folder
      ).run().output
      // What surrounds the values is there, so that not finding them means something.
      #expect(text.contains("MUSTER_CANARY") && text.contains("OWN_TOKEN"), "\(text)")
      #expect(text.contains("saw [secret MUSTER_CANARY] and OWN_TOKEN=[secret]"), "\(text)")
      #expect(!text.contains(canary))
      let left = try FileManager.default.contentsOfDirectory(atPath: cluster.folder.path())
      #expect(!left.contains { $0.hasSuffix(".parts") })
    }
  }
}
