import Fleet
import Foundation
import Manifest
import Plan
import Testing

/// The example manifests in `clusters/` are right and give the plans that stand here.
@Suite struct ClusterFileTests {
  private func plan(_ name: String, nodes: String? = nil) throws -> Planner.Result {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "clusters")
    let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    let (manifest, faults) = ManifestReader.read(text, file: name, include: { _ in nodes })
    #expect(faults.map { $0.rendered() } == [])
    return Planner.plan(try #require(manifest), context: PlannerTests.context)
  }

  @Test func `the local cluster`() throws {
    let plan = try #require(try self.plan("local.yaml").plan)
    #expect(
      PlanTable.text(plan, hash: "0123456789abcdef") == """
        plan local  0123456789ab
        nodes  localhost  1
          localhost  local

        service hello  command  1 replica on localhost
          localhost
            argv     /bin/sh -c 'echo ready on localhost; exec sleep 1000000'
            ready    the log has ready, within 600 s
            files    env.sh
                     launch.sh

        work  policy lru, 300 examples × 1, difficulty all, seed 42, 64 shards

        """)
  }

  @Test func `the lab takes its nodes from the lab`() throws {
    let result = try self.plan(
      "lab.yaml", nodes: "muster: 1\nnodes: [{hosts: n1, ssh: {host: 127.0.0.1, port: 22001}}]")
    #expect(result.plan?.services.map(\.replicas.count) == [1])
  }

  @Test func `the 21 nodes are folded where they agree`() throws {
    let result = try self.plan("nemotron-super-21.yaml")
    let plan = try #require(result.plan)
    #expect(result.diagnostics.isEmpty)
    #expect(plan.nodes.count == 21)
    let lines = PlanTable.text(plan, hash: "").split(separator: "\n").map(String.init)
    #expect(
      lines.filter { $0.hasPrefix("service") || $0.hasPrefix("  gpu") } == [
        "  gpu[01-21]  ssh  train@{node}:22  key /home/me/.ssh/id_ed25519"
          + "  known_hosts /home/me/.ssh/known_hosts",
        "service policy  vllm  16 replicas on gpu[09-16]", "  gpu[09-16]", "  gpu[09-16]",
        "service genrm  vllm  2 replicas on gpu[17-18]", "  gpu[17-18]",
        "service nl2bash-judge  vllm  2 replicas on gpu[19-20]", "  gpu[19-20]",
        "service safety-judge  vllm  1 replica on gpu21", "  gpu21",
      ])
    #expect(lines.filter { $0.contains("--cudagraph-capture-sizes 1 2 4 8 16") }.count == 5)
  }
}
