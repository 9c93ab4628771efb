import Coordinator
import Fleet
import FleetView
import Foundation
import Health
import Launch
import Manifest
import Plan
import Telemetry
import Testing

/// A fleet that is scraped every 5 s, and what is shown of it.
struct ExposedFleet {
  private var state: FleetState

  init(plan: Plan) {
    self.state = FleetState(plan: plan)
  }

  mutating func see(_ sight: FleetSight, at now: Duration) { self.state.see(sight, at: now) }

  func page(at now: Duration) -> (text: [UInt8], contentType: String) {
    FleetExposition(self.state, interval: .seconds(5), at: now).page
  }
}

/// What Prometheus is shown of a run.
struct FleetExpositionTests {
  static let realPage = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../StubModelServerTests/vllm-0.32-metrics.txt").standardizedFileURL

  /// A service with a replica on `n1` and on `n2`, scraped every 5 s.
  static func exposition() -> ExposedFleet {
    ExposedFleet(plan: ModelEndpointsTests.plan([ModelEndpointsTests.service("policy")]))
  }

  static func page(_ text: String, on node: String = "n1", milliseconds: Int64 = 0) -> FleetSight {
    .scraped(
      node: node,
      .page(
        NodePage(
          source: .replica(ReplicaKey(service: "policy", index: node == "n1" ? 0 : 1)),
          milliseconds: milliseconds, text: Array(text.utf8))))
  }

  static func gpus(_ samples: [GPUSample], on node: String = "n1") -> FleetSight {
    .scraped(node: node, .gpus(milliseconds: 0, samples, fault: ""))
  }

  static var busyGPU: GPUSample {
    var gpu = GPUSample(index: 0, name: "NVIDIA H200")
    gpu.utilizationPercent = 42
    gpu.memoryUsedMiB = 1
    gpu.memoryTotalMiB = 2
    gpu.powerWatts = 300
    gpu.temperatureCelsius = 50
    gpu.uncorrectedECCErrors = 0
    return gpu
  }

  static func event(_ what: String, on node: String = "n1") -> FleetSight {
    .happened(ChainEvent(milliseconds: 0, node: node, what: what))
  }

  static func lost(_ node: String) -> FleetSight {
    .lost(NodeFault(node: node, kind: .unreachable, Diagnostic(code: "gone", "gone")))
  }

  /// The counters of a page doubled, as a server that went on would show them.
  private static func grown(_ text: String) -> String {
    text.split(separator: "\n").map { line in
      guard !line.hasPrefix("#"), let space = line.lastIndex(of: " "),
        let value = Double(line[line.index(after: space)...])
      else { return String(line) }
      let name = line.prefix { $0 != "{" && $0 != " " }
      let grows = ["_bucket", "_sum", "_count", "_total"].contains { name.hasSuffix($0) }
      return "\(line[..<space]) \(grows ? value * 2 + 1 : value)"
    }.joined(separator: "\n") + "\n"
  }

  /// All that there can be: two real pages of two servers, GPUs, events, states.
  static func full() throws -> String {
    let text = try String(contentsOf: Self.realPage, encoding: .utf8)
    var exposition = Self.exposition()
    for (index, node) in ["n1", "n2"].enumerated() {
      exposition.see(.reached(node: node), at: .zero)
      exposition.see(
        .reported(try ModelEndpointsTests.report("policy", index, "ready")), at: .zero)
      exposition.see(Self.gpus([Self.busyGPU], on: node), at: .seconds(9))
      exposition.see(Self.page(text, on: node), at: .seconds(5))
      exposition.see(
        Self.page(Self.grown(text), on: node, milliseconds: 5000), at: .seconds(10))
    }
    return String(decoding: exposition.page(at: .seconds(11)).text, as: UTF8.self)
  }

  static func lines(_ exposition: ExposedFleet, at seconds: Double) -> [String] {
    String(decoding: exposition.page(at: .seconds(seconds)).text, as: UTF8.self)
      .split(separator: "\n").map(String.init)
  }

  @Test func `a percentile that is a bound says so, and the mean is beside it`() {
    var exposition = Self.exposition()
    exposition.see(.reached(node: "n1"), at: .zero)
    let name = "vllm:request_queue_time_seconds"
    for count in [1, 11] {
      let text = """
        \(name)_bucket{le="0.3"} \(count * 8)
        \(name)_bucket{le="0.6"} \(count * 9)
        \(name)_bucket{le="+Inf"} \(count * 10)
        \(name)_sum \(count)

        """
      exposition.see(Self.page(text, milliseconds: Int64(count)), at: .seconds(1))
    }
    let labels = #"{service="policy",latency="queue""#
    let lines = Self.lines(exposition, at: 2).filter { $0.contains("service_latency") }
    #expect(
      lines.filter { !$0.hasPrefix("#") } == [
        #"muster_service_latency_seconds\#(labels),percentile="50",bound="below"} 0.3"#,
        #"muster_service_latency_seconds\#(labels),percentile="90"} 0.6"#,
        #"muster_service_latency_seconds\#(labels),percentile="99",bound="above"} 0.6"#,
        #"muster_service_latency_mean_seconds\#(labels)} 0.1"#,
      ], "\(lines)")
  }

  @Test(arguments: ["", "500"])
  func `a replica that is ready and shows no metrics is up, and its page is not`(text: String)
    throws
  {
    var exposition = Self.exposition()
    exposition.see(.reached(node: "n1"), at: .zero)
    exposition.see(.reported(try ModelEndpointsTests.report("policy", 0, "ready")), at: .zero)
    var page = NodePage(
      source: .replica(ReplicaKey(service: "policy", index: 0)), milliseconds: 1, text: [])
    page.fault = text.isEmpty ? "" : "/metrics answers \(text)"
    exposition.see(.scraped(node: "n1", .page(page)), at: .seconds(1))
    let lines = Self.lines(exposition, at: 2).filter { $0.contains(#"replica="0""#) }
    #expect(lines.contains { $0.hasPrefix("muster_scrape_up{") && $0.hasSuffix(" 0") }, "\(lines)")
    #expect(lines.contains { $0.contains(#"state="ready"} 1"#) })
  }

  @Test func `every sample of every page is there, with whose it is`() throws {
    let full = try Self.full()
    var (real, shown) = (MetricsPage(), MetricsPage())
    try real.read(Array(try Data(contentsOf: Self.realPage)))
    try shown.read(Array(full.utf8))
    let foreign = full.split(separator: "\n").filter { !$0.hasPrefix("#") }
      .filter { !$0.hasPrefix("muster_") }
    #expect(real.samples.count > 100 && foreign.count == 2 * real.samples.count)
    #expect(
      foreign.allSatisfy {
        $0.contains("{node=\"n1\",service=\"policy\",replica=\"0\"")
          || $0.contains("{node=\"n2\",service=\"policy\",replica=\"1\"")
      })
  }

  @Test func `what Muster knows has a unit, a help and a type, and one family each`() throws {
    let lines = try Self.full().split(separator: "\n").map(String.init)
    let types = lines.filter { $0.hasPrefix("# TYPE muster_") }
    #expect(Set(types).count == types.count && types.count == 18)
    #expect(types.filter { !$0.hasSuffix(" gauge") } == ["# TYPE muster_events_total counter"])
    for type in types {
      let name = type.split(separator: " ")[2]
      #expect(lines.contains { $0.hasPrefix("# HELP \(name) ") && $0.hasSuffix(".") }, "\(name)")
    }
    for line in [
      "muster_node_reachable{node=\"n1\"} 1.0",
      "muster_gpu_utilization_percent{node=\"n1\",gpu=\"0\",name=\"NVIDIA H200\"} 42.0",
      "muster_gpu_memory_used_bytes{node=\"n2\",gpu=\"0\",name=\"NVIDIA H200\"} 1048576.0",
      "muster_replica_state{node=\"n1\",service=\"policy\",replica=\"0\",state=\"ready\"} 1.0",
      "muster_replica_state{node=\"n1\",service=\"policy\",replica=\"0\",state=\"failed\"} 0.0",
      "muster_replica_attempts{node=\"n2\",service=\"policy\",replica=\"1\"} 1.0",
      "muster_scrape_up{node=\"n1\",service=\"policy\",replica=\"0\"} 1.0",
      "muster_scrape_age_seconds{node=\"n1\",service=\"policy\",replica=\"0\"} 1.0",
      "muster_events_total{node=\"n1\",kind=\"xid\"} 0.0",
    ] { #expect(lines.contains(line), "\(line)") }
    #expect(lines.filter { $0.hasPrefix("muster_replica_state{") }.count == 24)
    let verdicts = lines.filter { $0.hasPrefix("muster_service_verdict{") }
    #expect(verdicts.count == 4 && verdicts.filter { $0.hasSuffix(" 1.0") }.count == 1)
  }

  @Test func `of a run of which nothing is known, nothing is said`() {
    #expect(
      Self.lines(Self.exposition(), at: 1).filter { !$0.hasPrefix("#") } == [
        "muster_scrape_up{node=\"n1\",service=\"policy\",replica=\"0\"} 0.0",
        "muster_scrape_up{node=\"n2\",service=\"policy\",replica=\"1\"} 0.0",
      ])
  }

  @Test func `a page or a sample older than three intervals is absent, its age is not`() {
    var exposition = Self.exposition()
    exposition.see(Self.page("a 1\n"), at: .seconds(10))
    exposition.see(Self.gpus([Self.busyGPU]), at: .seconds(10))
    let name = "{node=\"n1\",service=\"policy\",replica=\"0\"}"
    let fresh = Self.lines(exposition, at: 25)
    #expect(fresh.contains("a\(name) 1.0"))
    #expect(fresh.contains { $0.hasPrefix("muster_gpu_power_watts{") })
    #expect(fresh.contains { $0.hasPrefix("muster_service_verdict{") })
    let old = Self.lines(exposition, at: 25.5)
    #expect(!old.contains { $0.hasPrefix("a{") || $0.hasPrefix("muster_gpu_") })
    #expect(!old.contains { $0.hasPrefix("muster_service_") })
    #expect(old.contains("muster_scrape_up\(name) 0.0"))
    #expect(old.contains("muster_scrape_age_seconds\(name) 15.5"))
  }

  @Test func `GPUs that an exporter tells of are as good as others`() {
    var plan = ModelEndpointsTests.plan([ModelEndpointsTests.service("policy")])
    plan.exporters = [Plan.Exporter(name: "dcgm", port: 9400, path: "/metrics", nodes: ["n1"])]
    var exposition = ExposedFleet(plan: plan)
    // A node without `nvidia-smi` says so once.
    exposition.see(Self.gpus([]), at: .zero)
    let text = #"DCGM_FI_DEV_GPU_UTIL{gpu="0",modelName="NVIDIA H200"} 93"# + "\n"
    let page = NodePage(source: .target("dcgm"), milliseconds: 1, text: Array(text.utf8))
    exposition.see(.scraped(node: "n1", .page(page)), at: .seconds(100))
    let verdict = #"muster_service_verdict{service="policy",verdict="good"} 1.0"#
    #expect(Self.lines(exposition, at: 110).contains(verdict))
    #expect(!Self.lines(exposition, at: 116).contains(verdict))
    let isUp = #"muster_exporter_up{node="n1",exporter="dcgm"}"#
    #expect(Self.lines(exposition, at: 110).contains("\(isUp) 1.0"))
    #expect(Self.lines(exposition, at: 116).contains("\(isUp) 0.0"))
  }

  @Test func `what a GPU does not say is absent`() {
    var exposition = Self.exposition()
    var gpu = GPUSample(index: 3, name: "a \"b\"\\")
    gpu.utilizationPercent = 0
    exposition.see(Self.gpus([gpu]), at: .zero)
    #expect(
      Self.lines(exposition, at: 1).filter { $0.hasPrefix("muster_gpu_") } == [
        #"muster_gpu_utilization_percent{node="n1",gpu="3",name="a \"b\"\\"} 0.0"#
      ])
  }

  @Test func `a node that is lost is 0, and its last states stand`() throws {
    var exposition = Self.exposition()
    exposition.see(.reported(try ModelEndpointsTests.report("policy", 0, "ready")), at: .zero)
    exposition.see(.reached(node: "n1"), at: .zero)
    exposition.see(Self.lost("n1"), at: .seconds(1))
    exposition.see(Self.lost("n2"), at: .seconds(1))
    let lines = Self.lines(exposition, at: 100)
    #expect(lines.contains("muster_node_reachable{node=\"n1\"} 0.0"))
    #expect(lines.contains("muster_node_reachable{node=\"n2\"} 0.0"))
    #expect(lines.contains { $0.hasSuffix("state=\"ready\"} 1.0") })
    #expect(!lines.contains { $0.hasPrefix("muster_replica_state{node=\"n2\"") })
  }

  @Test func `events are counted by kind, however many, and foreign kinds are one`() {
    var exposition = Self.exposition()
    exposition.see(.reached(node: "n1"), at: .zero)
    for _ in 0..<FleetState.eventCountMax + 1 { exposition.see(Self.event("xid"), at: .zero) }
    for kind in ["failed", "a", "b", ""] { exposition.see(Self.event(kind), at: .zero) }
    #expect(
      Self.lines(exposition, at: 1).filter { $0.hasPrefix("muster_events_total{") } == [
        "muster_events_total{node=\"n1\",kind=\"cuda\"} 0.0",
        "muster_events_total{node=\"n1\",kind=\"failed\"} 1.0",
        "muster_events_total{node=\"n1\",kind=\"nccl\"} 0.0",
        "muster_events_total{node=\"n1\",kind=\"other\"} 3.0",
        "muster_events_total{node=\"n1\",kind=\"xid\"} 501.0",
      ])
  }
}
