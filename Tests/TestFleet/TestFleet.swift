package import Coordinator
import Fleet
package import FleetView
package import Health
package import Launch
import Plan
import Recipes
import Telemetry

/// A fleet of which agents say what a test wants: a replica of `policy` on each of `n0`, `n1`, ….
package struct TestFleet {
  package static let runID = "20261121-061500-abcdef"
  package private(set) var state: FleetState

  package init(nodeCount: Int) {
    let nodes = (0..<nodeCount).map { Plan.Node(name: "n\($0)", link: .local) }
    let replicas = nodes.enumerated().map { index, node in
      Plan.Replica(index: index, node: node.name, launch: LaunchSpecification(argv: ["a"]))
    }
    self.state = FleetState(
      plan: Plan(
        name: "test", nodes: nodes,
        services: [Plan.Service(name: "policy", recipe: "vllm", replicas: replicas)]))
  }

  package static func report(
    _ index: Int, _ phase: ReplicaPhase, since: Int64 = 1000, reason: String = ""
  ) -> ReplicaReport {
    var report = ReplicaReport(
      node: "n\(index)", key: ReplicaKey(service: "policy", index: index), state: phase,
      reason: reason)
    report.sinceMilliseconds = since
    return report
  }

  package static func fault(_ index: Int, _ summary: String) -> NodeFault {
    NodeFault(node: "n\(index)", kind: .unreachable, Diagnostic(code: "gone", summary))
  }

  package mutating func see(_ sight: FleetSight, at seconds: Int = 0) {
    self.state.see(sight, at: .seconds(seconds))
  }

  package mutating func reach(_ index: Int, _ phase: ReplicaPhase, reason: String = "") {
    self.see(.reached(node: "n\(index)"))
    self.see(.reported(Self.report(index, phase, reason: reason)))
  }

  /// A page of an engine, at an instant of the node's clock.
  package mutating func scrape(
    _ index: Int, running: Int, tokens: Int, usage: Double, at seconds: Int
  ) {
    let text = """
      vllm:num_requests_running 1
      vllm:num_requests_running{engine="1"} \(running - 1)
      vllm:num_requests_waiting 0
      vllm:kv_cache_usage_perc \(usage)
      vllm:generation_tokens_total \(tokens)

      """
    self.scrape(index, text: text, at: seconds)
  }

  package mutating func scrape(_ index: Int, text: String, at seconds: Int) {
    let page = NodePage(
      source: .replica(ReplicaKey(service: "policy", index: index)),
      milliseconds: Int64(seconds) * 1000, text: Array(text.utf8))
    self.see(.scraped(node: "n\(index)", .page(page)), at: seconds)
  }

  package mutating func sampleGPUs(_ index: Int, percent: Double?) {
    var gpu = GPUSample(index: 0, name: "H200")
    gpu.utilizationPercent = percent
    self.see(.scraped(node: "n\(index)", .gpus(milliseconds: 0, [gpu], fault: "")))
  }

  package func moment(
    at seconds: Int = 0, rollouts: FleetMoment.Rollouts? = nil,
    remembered: [ReplicaKey: String] = [:]
  ) -> FleetMoment {
    FleetMoment(
      run: Self.runID, self.state, at: .seconds(seconds), milliseconds: 61_000, rollouts: rollouts,
      remembered: remembered)
  }
}
