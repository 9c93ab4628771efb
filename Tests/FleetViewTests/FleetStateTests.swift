import Coordinator
import Fleet
@testable import FleetView
import Health
import Launch
import Manifest
import Plan
import Recipes
import Telemetry
import Testing

struct FleetStateTests {
  private static let plan = {
    var plan = Plan(
      name: "test",
      nodes: ["n1", "n2"].map { Plan.Node(name: $0, link: .local) },
      services: [
        Plan.Service(
          name: "policy", recipe: "vllm",
          replicas: ["n1", "n2"].enumerated().map { index, node in
            Plan.Replica(index: index, node: node, launch: LaunchSpecification(argv: ["x"]))
          })
      ])
    plan.exporters = [Plan.Exporter(name: "dcgm", port: 9400, path: "/metrics", nodes: ["n1"])]
    return plan
  }()

  private static func exporter(
    _ text: String, named name: String = "dcgm", of node: String = "n1", fault: String = ""
  ) -> FleetSight {
    var page = NodePage(source: .target(name), milliseconds: 1, text: Array(text.utf8))
    page.fault = fault
    return .scraped(node: node, .page(page))
  }

  private static func page(_ index: Int, _ text: String, at milliseconds: Int64) -> NodeScrape {
    .page(
      NodePage(
        source: .replica(ReplicaKey(service: "policy", index: index)), milliseconds: milliseconds,
        text: Array(text.utf8)))
  }

  private static func engine(running: Int, tokens: Int) -> String {
    """
    vllm:num_requests_running{engine="0"} \(running)
    vllm:generation_tokens_total{engine="0"} \(tokens)

    """
  }

  @Test func `replicas of a service are one, and what is unknown stays unknown`() throws {
    var state = FleetState(plan: Self.plan)
    #expect(state.services.first?.metrics.running == nil)
    state.see(
      .scraped(node: "n1", Self.page(0, Self.engine(running: 2, tokens: 100), at: 1000)),
      at: .seconds(1))
    state.see(
      .scraped(node: "n2", Self.page(1, Self.engine(running: 3, tokens: 0), at: 9000)),
      at: .seconds(1))
    state.see(
      .scraped(node: "n1", Self.page(0, Self.engine(running: 1, tokens: 300), at: 3000)),
      at: .seconds(3))
    let service = try #require(state.services.first)
    #expect(service.metrics.running == 4)
    #expect(service.metrics.generationTokensPerSecond == 100)
    #expect(service.metrics.waiting == nil)
    #expect(service.verdict.word == .unknown)
  }

  @Test func `a node speaks for its own replicas only`() {
    var state = FleetState(plan: Self.plan)
    state.see(
      .scraped(node: "n2", Self.page(0, Self.engine(running: 9, tokens: 0), at: 1)), at: .zero)
    let report = ReplicaReport(
      node: "n2", key: ReplicaKey(service: "policy", index: 0), state: .failed)
    state.see(.reported(report), at: .zero)
    #expect(state.replicas.allSatisfy { $0.report == nil && $0.page.reading == nil })
  }

  @Test func `a link that is down leaves the last known state as it was`() throws {
    var state = FleetState(plan: Self.plan)
    let report = ReplicaReport(
      node: "n1", key: ReplicaKey(service: "policy", index: 0), state: .ready)
    state.see(.reached(node: "n1"), at: .zero)
    state.see(.reported(report), at: .zero)
    let fault = NodeFault(
      node: "n1", kind: .unreachable, Diagnostic(code: "link-lost", "the link broke"))
    state.see(.lost(fault), at: .seconds(5))
    state.see(.lost(fault), at: .seconds(6))
    #expect(state.replicas.first?.report?.state == .ready)
    #expect(state.nodes.first?.lostSince == .seconds(5))
    state.see(.reached(node: "n1"), at: .seconds(9))
    #expect(state.nodes.first?.lostSince == nil && state.nodes.first?.isReached == true)
  }

  @Test func `files that grow have a rate, and one that is begun anew has none`() {
    var state = FleetState(plan: Self.plan)
    func look(_ lines: UInt64, at milliseconds: Int64) {
      state.see(
        .scraped(
          node: "n1",
          .file(path: "/r.jsonl", milliseconds: milliseconds, lines: lines, bytes: 0)), at: .zero)
    }
    look(10, at: 0)
    #expect(state.rollouts?.perSecond == nil)
    look(30, at: 10_000)
    #expect(state.rollouts?.perSecond == 2)
    for second in 2...8 { look(30 + UInt64(second) * 100, at: Int64(second) * 10_000) }
    #expect(state.rollouts?.perSecond == 10)
    #expect(state.rollouts?.count == 830)
    look(1, at: 90_000)
    #expect(state.rollouts?.perSecond == nil)
  }

  @Test func `a file that two nodes share counts once, and goes on when one of them is gone`() {
    var state = FleetState(plan: Self.plan)
    func look(
      _ node: String, _ lines: UInt64, at seconds: Int64, sharedAs: String = "nfs4 nas:/r 7"
    ) {
      state.see(
        .scraped(
          node: node,
          .file(
            path: "/r.jsonl", milliseconds: seconds * 1000, lines: lines, bytes: 0,
            sharedAs: sharedAs)), at: .zero)
    }
    for second in 1...3 {
      look("n1", UInt64(second) * 10, at: Int64(second))
      // Another clock, and an older sight of the file.
      look("n2", UInt64(second) * 10 - 5, at: Int64(second) - 100)
    }
    #expect(state.rollouts?.count == 30 && state.rollouts?.perSecond == 10)
    // Only the other says more.
    for second in 4...20 { look("n2", UInt64(second) * 10, at: Int64(second) - 100) }
    #expect(state.rollouts?.count == 200 && state.rollouts?.perSecond == 10)
    // Another file in its place.
    look("n1", 7, at: 21, sharedAs: "nfs4 nas:/r 8")
    look("n2", 7, at: 21, sharedAs: "nfs4 nas:/r 8")
    #expect(state.rollouts?.count == 7)
  }

  @Test func `rollouts are shown by the service that is named, and all of them together`() {
    var state = FleetState(
      plan: Self.plan, watching: ["policy=/r/*.jsonl", "/other"].map { WatchedPattern($0) })
    for (path, lines, pattern) in [("/r/a", 5 as UInt64, 0), ("/other", 3, 1), ("/x", 2, 7)] {
      state.see(
        .scraped(
          node: "n1",
          .file(
            path: path, milliseconds: 1, lines: lines, bytes: 0, sharedAs: path, pattern: pattern)),
        at: .zero)
    }
    #expect(state.rollouts?.count == 10)
    #expect(state.rollouts(of: "policy")?.count == 5)
    #expect(state.rollouts(of: "judge") == nil)
  }

  @Test func `GPUs of an exporter count where there is no nvidia-smi`() throws {
    var state = FleetState(plan: Self.plan)
    func exporter(_ percent: Int) {
      let text = #"DCGM_FI_DEV_GPU_UTIL{gpu="0",modelName="NVIDIA H200"} \#(percent)"# + "\n"
      state.see(
        .scraped(
          node: "n1",
          .page(NodePage(source: .target("dcgm"), milliseconds: 1, text: Array(text.utf8)))),
        at: .zero)
    }
    exporter(40)
    exporter(50)
    state.see(.scraped(node: "n1", .gpus(milliseconds: 1, [], fault: "")), at: .zero)
    #expect(state.nodes.first?.gpus.map(\.utilizationPercent) == [50])
    #expect(state.services.first?.verdict.word == .starved)
    var sample = GPUSample(index: 0, name: "NVIDIA H200")
    sample.utilizationPercent = 93
    state.see(.scraped(node: "n1", .gpus(milliseconds: 2, [sample], fault: "")), at: .zero)
    exporter(50)
    #expect(state.services.first?.verdict.word == .good)
  }

  @Test func `an exporter that is silent takes back what it said of the GPUs`() throws {
    var state = FleetState(plan: Self.plan)
    let page = #"DCGM_FI_DEV_GPU_UTIL{gpu="0",modelName="NVIDIA H200"} 93"# + "\n"
    state.see(Self.exporter(page), at: .zero)
    #expect(state.services.first?.verdict.word == .good)
    state.see(Self.exporter("", fault: "no answer in time"), at: .seconds(1))
    #expect(state.services.first?.verdict.word == .unknown)
    #expect(state.nodes.first?.gpuFault == "exporter `dcgm`: no answer in time")
    state.see(Self.exporter(page), at: .seconds(2))
    #expect(state.services.first?.verdict.word == .good && state.nodes.first?.gpuFault == "")
  }

  @Test func `an exporter whose page has no GPUs any more takes back what it said`() {
    var state = FleetState(plan: Self.plan)
    state.see(Self.exporter(#"DCGM_FI_DEV_GPU_UTIL{gpu="0"} 93"# + "\n"), at: .zero)
    state.see(Self.exporter("up 1\n"), at: .seconds(1))
    #expect(state.nodes.first?.gpus == [] && state.nodes.first?.gpusAt == nil)
    #expect(state.nodes.first?.gpuFault == "exporter `dcgm`: no GPU on its page")
  }

  @Test func `several exporters tell of a node's GPUs together`() {
    var plan = Self.plan
    plan.exporters = ["a", "b"].map {
      Plan.Exporter(name: $0, port: 9400, path: "/metrics", nodes: ["n1"])
    }
    var state = FleetState(plan: plan)
    func page(_ values: [Int: Int]) -> String {
      values.map { "DCGM_FI_DEV_GPU_UTIL{gpu=\"\($0)\"} \($1)\n" }.joined()
    }
    state.see(Self.exporter(page([1: 20, 2: 30]), named: "b"), at: .zero)
    state.see(Self.exporter(page([0: 10, 1: 11]), named: "a"), at: .zero)
    #expect(state.nodes.first?.gpus.map(\.utilizationPercent) == [10, 11, 30])
    state.see(Self.exporter("", named: "a", fault: "gone"), at: .zero)
    #expect(state.nodes.first?.gpus.map(\.utilizationPercent) == [20, 30])
  }

  @Test func `what nvidia-smi says beside its rows is the node's fault, and its rows count`() {
    var state = FleetState(plan: Self.plan)
    let warning = "nvidia-smi: WARNING: infoROM is corrupted at gpu 0000:5D:00.0"
    let gpus = [GPUSample(index: 0, name: "NVIDIA H200")]
    state.see(.scraped(node: "n1", .gpus(milliseconds: 1, gpus, fault: warning)), at: .zero)
    #expect(state.nodes.first?.gpus == gpus && state.nodes.first?.gpuFault == warning)
  }

  @Test func `a node speaks for the exporters that it was asked for only`() {
    var state = FleetState(plan: Self.plan)
    for index in 0..<100 { state.see(Self.exporter("a 1\n", named: "e\(index)"), at: .zero) }
    state.see(Self.exporter("a 1\n", of: "n2"), at: .zero)
    #expect(state.targets.isEmpty)
  }

  @Test func `a node that names files without end is heard of so many only`() {
    var state = FleetState(plan: Self.plan)
    for index in 0..<20_000 {
      let file = NodeScrape.file(path: "/f\(index)", milliseconds: 1, lines: 1, bytes: 1)
      state.see(.scraped(node: "n1", file), at: .zero)
    }
    #expect(state.rollouts?.count == 16_384)
  }
}
