import Foundation
import Testing

/// Real vLLM on the CPU with a tiny random model, on two hosts in namespaces of their own: what
/// `scripts/vllm` installs. One launch, and then one fault after the other.
@Suite(
  .serialized,
  .enabled(
    if: NamespaceCluster.isPossible && RealVLLM.isInstalled,
    "SKIPPED: real vLLM needs root and `scripts/vllm`"))
struct VLLMTests {
  /// Two engines on one machine are pinned apart, each to a core: both would spin on the first.
  private static let services = """
    services:
      policy:
        recipe: vllm
        executable: \(RealVLLM.folder)/venv/bin/vllm
        model: \(RealVLLM.folder)/tiny
        served_model_name: tiny
        port: 18000
        max_num_seqs: 4
        max_model_len: 16384
        ready_timeout: 300
        env:
          VLLM_CPU_KVCACHE_SPACE: "1"
          VLLM_CPU_OMP_THREADS_BIND: "{rank}"
          VLLM_NO_USAGE_STATS: "1"
          VLLM_ALLOW_LONG_MAX_MODEL_LEN: "1"
          HF_HUB_OFFLINE: "1"
          PYTHONPATH: \(RealVLLM.folder)/site
        extra_args:
          [--load-format, dummy, --dtype, float32, --enforce-eager, --max-num-batched-tokens, "4"]
    """

  @Test func `real vLLM comes up, is told apart in every state, and goes without a trace`() throws {
    let (services, folder) = (Self.services, RealVLLM.folder)
    try NamespaceCluster.with(hostCount: 2, services: services, bind: folder) { cluster in
      let clock = ContinuousClock()
      let began = clock.now
      func tell(_ what: String) { print("\(clock.now - began): \(what)") }
      let up = try cluster.muster(["up", cluster.manifest], timeout: .seconds(320))
      try #require(up.status == 0, "\(up.talk)")
      let service = ServiceView(cluster: cluster)
      let first = try service.replicas()
      #expect(first.map(\.state) == ["ready", "ready"])
      tell("two replicas are ready")
      #expect(!up.talk.contains("started alike") && !up.talk.contains("not started"), "\(up.talk)")
      try Self.expectMetrics(cluster)
      try Self.expectLongPrefill(cluster, service, tell)

      // Stopped while requests run, and again while it rests.
      for isLoaded in [true, false] {
        let load = isLoaded ? try Self.load(cluster) : nil
        defer { load?.send(SIGKILL) }
        if !isLoaded { try Self.rest(cluster) }
        tell(isLoaded ? "requests run" : "none runs")
        try cluster.testbed(["exec", "1", "pkill -STOP -f [V]LLM::EngineCore"])
        tell("stopped")
        let limit = isLoaded ? 15 : 30
        let stalled = try service.wait(for: "stalled", on: "node01", seconds: limit)
        #expect(stalled?.contains("EngineCor") == true, "\(stalled ?? "no reason")")
        tell("stopped \(isLoaded ? "with requests" : "at rest"), stalled: \(stalled ?? "")")
        try cluster.testbed(["exec", "1", "pkill -CONT -f [V]LLM::EngineCore"])
        #expect(try service.wait(for: "ready", on: "node01", seconds: 20) != nil)
        tell("ready again")
      }
      #expect(try service.replicas().map(\.state) == ["ready", "ready"])

      // A cut of half a minute, in which nothing is done to what runs, and nobody gives up.
      let attached = try cluster.command(["attach", cluster.manifest]).start()
      Self.pause(seconds: 2)
      try cluster.testbed(["cut", "2"])
      Self.pause(seconds: 30)
      try cluster.testbed(["heal", "2"])
      #expect(try service.wait(for: "ready", on: "node02", seconds: 30) != nil)
      let later = try service.replicas()
      #expect(later.map(\.pid) == first.map(\.pid))
      #expect(later.map(\.attempt) == [1, 1])
      #expect(attached.isRunning)
      attached.send(SIGINT)
      let attach = attached.end(timeout: .seconds(10))
      #expect(attach.status == 130 && attach.talk.contains("node02"), "\(attach.talk)")

      tell("a cut of 30 s has changed nothing")
      // Its engine is killed, and it ends with status 0.
      try cluster.testbed(["exec", "1", "pkill -KILL -f [V]LLM::EngineCore"])
      let failed = try service.wait(for: "failed", on: "node01", seconds: 10)
      #expect(failed?.contains("EngineCor") == true, "\(failed ?? "not failed within 10 s")")
      tell("killed, failed: \(failed ?? "")")
      #expect(try service.replicas().map(\.state) == ["failed", "ready"])

      let down = try cluster.muster(["down", cluster.manifest], timeout: .seconds(60))
      #expect(down.status == 0, "\(down.talk)")
      tell("down")
      for host in ["1", "2"] {
        // Neither a process nor a listening port 18000 (0x4650, state 0A).
        let ports = "/proc/net/tcp /proc/net/tcp6"
        try cluster.testbed(["exec", host, "! pgrep -f '[V]LLM|[v]llm serve'"])
        try cluster.testbed(["exec", host, "! grep -qE ':4650 .* 0A ' \(ports)"])
      }
    }
  }

  /// What the agents scrape is what both servers show, each and together.
  private static func expectMetrics(_ cluster: NamespaceCluster) throws {
    struct Answer: Decodable {
      struct Fleet: Decodable { var answered: Int }
      var fleet: Fleet
    }
    let scrape = try cluster.muster(
      ["scrape", "--manifest", cluster.manifest, "--format", "json", "--once"])
    #expect(scrape.status == 0, "\(scrape.talk)")
    #expect(
      try JSONDecoder().decode(Answer.self, from: Data(scrape.output.utf8)).fleet.answered == 2,
      "\(scrape.output)")
    let page = try cluster.muster(
      ["scrape", "--manifest", cluster.manifest, "--format", "prometheus"])
    let line = page.output.split(separator: "\n").first {
      $0.hasPrefix("vllm:num_requests_running{") && $0.contains(#"node="node02""#)
    }
    #expect(line?.contains(#"service="policy""#) == true, "\(page.talk)")
    let endpoints = try cluster.muster(["endpoints", cluster.manifest, "--format", "list"])
    #expect(endpoints.output.contains("http://\(cluster.address(of: 2)):18000/v1"))
  }

  /// One prompt that is computed a few tokens a step, alone: no counter moves before its first token.
  private static func expectLongPrefill(
    _ cluster: NamespaceCluster, _ service: ServiceView, _ tell: (String) -> Void
  ) throws {
    let prompt = "[\((0..<15000).map { "\($0 % 400 + 10)" }.joined(separator: ","))]"
    let file = cluster.folder.appending(path: "prompt.json")
    try Data(#"{"model":"tiny","prompt":\#(prompt),"max_tokens":1}"#.utf8).write(to: file)
    let clock = ContinuousClock()
    let began = clock.now
    let request = try BuiltProgram(
      executable: "/usr/bin/curl",
      arguments: [
        "-s", "-m", "200", "-H", "Content-Type: application/json", "-d", "@\(file.path())",
        "http://\(cluster.address(of: 1)):18000/v1/completions",
      ]
    ).start()
    var states: Set<String> = []
    while request.isRunning { states.formUnion(try service.replicas().map(\.state)) }
    let answer = request.end(timeout: .seconds(10))
    #expect(answer.output.contains(#""finish_reason":"length""#), "\(answer.output.prefix(500))")
    #expect(states.isSubset(of: ["ready", "busy"]), "\(states)")
    // Longer than what is called busy when nothing moves; 12 s on two cores of 2025.
    #expect(clock.now - began > .seconds(5), "the prefill was too short to prove anything")
    tell("a prefill of \(clock.now - began) alone: \(states.sorted())")
  }

  /// More completions than the engine takes at once, each long.
  private static func load(_ cluster: NamespaceCluster) throws -> RunningProgram {
    let body = #"{"model":"tiny","prompt":"a","max_tokens":6000,"ignore_eos":true}"#
    let script = """
      for request in $(seq 12); do
        curl -s -m 120 -o /dev/null -H 'Content-Type: application/json' -d '\(body)' \
          http://\(cluster.address(of: 1)):18000/v1/completions &
      done
      wait
      """
    let load = try BuiltProgram(executable: "/bin/bash", arguments: ["-c", script]).start()
    Self.pause(seconds: 2)
    return load
  }

  /// Ends all who ask for completions, and waits until the engine has noticed.
  private static func rest(_ cluster: NamespaceCluster) throws {
    let url = "http://\(cluster.address(of: 1)):18000/v1/completions"
    _ = try BuiltProgram(executable: "/usr/bin/pkill", arguments: ["-KILL", "-f", url]).run()
    for _ in 0..<20 {
      let page = try BuiltProgram(
        executable: "/usr/bin/curl",
        arguments: ["-s", "-m", "10", "http://\(cluster.address(of: 1)):18000/metrics"]
      ).run().output
      let running = page.split(separator: "\n")
        .filter { $0.hasPrefix("vllm:num_requests_running{") }
      if !running.isEmpty, running.allSatisfy({ $0.hasSuffix(" 0.0") }) { return }
      Self.pause(seconds: 1)
    }
    Issue.record("requests run still")
  }

  private static func pause(seconds: Int) {
    let pause = DispatchSemaphore(value: 0)
    _ = pause.wait(timeout: .now() + .seconds(seconds))
  }
}

/// What `scripts/vllm` installs.
enum RealVLLM {
  static let folder = BuiltProgram.root.appending(path: ".build-vllm").path()

  static var isInstalled: Bool {
    FileManager.default.isExecutableFile(atPath: "\(Self.folder)/venv/bin/vllm")
  }
}

/// The replicas of the service `policy`, as `muster status` tells of them.
private struct ServiceView {
  struct Replica: Decodable {
    var node: String
    var state: String
    var reason: String
    var pid: Int
    var attempt: Int
  }

  let cluster: NamespaceCluster

  /// In the order of their nodes.
  func replicas() throws -> [Replica] {
    struct Status: Decodable { var replicas: [Replica] }
    let status = try self.cluster.muster(["status", self.cluster.manifest, "--format", "json"])
    return try JSONDecoder().decode(Status.self, from: Data(status.output.utf8)).replicas
      .sorted { $0.node < $1.node }
  }

  /// - Returns: The reason of the state; `nil` when it has not come in time.
  func wait(for state: String, on node: String, seconds: Int) throws -> String? {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    while clock.now < end {
      let replica = try self.replicas().first { $0.node == node }
      if let replica, replica.state == state { return replica.reason }
      let pause = DispatchSemaphore(value: 0)
      _ = pause.wait(timeout: .now() + .milliseconds(200))
    }
    return nil
  }
}
