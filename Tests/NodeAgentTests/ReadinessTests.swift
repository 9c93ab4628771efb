import GRPCCore
import Glibc
import Health
import Launch
import NIOCore
import NIOHTTP1
import NIOPosix
import NodeAPI
import OperatingSystem
import Testing

@testable import NodeAgent

@Suite
struct `What makes a replica ready` {
  /// Of a server that has the model `tiny`.
  private static let served: StubServer.Answers = [
    "GET /v1/models": (200, #"{"data":[{"id":"tiny"}]}"#),
    "POST /v1/completions": (200, #"{"choices":[{"finish_reason":"length"}]}"#),
  ]

  private static func http(_ port: Int, _ path: String) -> LaunchSpecification {
    Self.launch(.http(port: port, path: path))
  }

  private static func canary(_ port: Int, _ model: String) -> LaunchSpecification {
    var launch = Self.launch(nil)
    launch.model = ModelServer(port: port, model: model, keyVariable: "VLLM_API_KEY")
    return launch
  }

  private static func launch(_ probe: ReadinessProbe?) -> LaunchSpecification {
    LaunchSpecification(
      argv: ["/bin/sh", "-c", "echo 'Starting to load model'; sleep 60"], probe: probe,
      progressMarks: ["Starting to load"], stopGraceSeconds: 5)
  }

  /// A replica that loads for ever, or is a server.
  private static func replica(
    _ launch: LaunchSpecification, timeout: Int = 30, serving argv: [String]? = nil
  ) -> ReplicaSpecification {
    var launch = launch
    launch.readyTimeoutSeconds = timeout
    launch.argv = argv ?? launch.argv
    return ReplicaSpecification(key: ReplicaKey(service: "job", index: 0), launch: launch)
  }

  @Test func `http: a status of 2xx, and nothing else`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      let server = StubProgram.argv(
        ["GET /health": (200, ""), "GET /gone": (503, "")], port: port)
      try await agent.claimedLink { node in
        let ready = try await node.start(
          Self.replica(Self.http(port, "/health"), serving: server)
        ) { $0.state == .ready }
        #expect(!ready.isUnproven)
        _ = try await node.stopAll()
        let failed = try await node.start(
          Self.replica(Self.http(port, "/gone"), timeout: 2, serving: server)
        ) { $0.state == .failed }
        #expect(
          failed.reason == "not ready within 2 s: GET /gone on port \(port) answers 503")
        #expect(failed.lastLogLines == ["Starting to load model"])
        #expect(try await node.stopAll().leftovers == [])
      }
    }
  }

  /// What a look at a server says that has `tiny`, and of its metrics and health what `answers` has.
  private static func look(
    _ answers: StubServer.Answers, healthPath: String? = "/health"
  ) async throws -> LivenessSight.Answer {
    try await StubServer.serving(answers) { port in
      var launch = Self.launch(nil)
      launch.model = ModelServer(port: port, model: "tiny", healthPath: healthPath)
      let own = try #require(ProcessTable.stat(of: getpid())).identity
      let proof = ListenerProof(ReplicaProcesses(holder: own, main: own, marks: []))
      let check = ReadinessCheck(
        launch: launch, environment: [:], clock: ContinuousClock(),
        group: MultiThreadedEventLoopGroup.singleton,
        proof: AskedListener(proof: proof, blocking: BlockingCalls()))
      return await check.look()
    }
  }

  @Test(arguments: [500, 404, 401, 503])
  func `metrics that cannot be read say nothing of a server that answers`(status: Int) async throws
  {
    let health = ["GET /health": (status: 200, body: "")]
    let page = ["GET /metrics": (status: status, body: "vllm:num_requests_running 4\n")]
    #expect(try await Self.look(health.merging(page) { $1 }) == .fine(nil))
    #expect(try await Self.look(page, healthPath: nil) == .fine(nil))
    #expect(try await Self.look(health.merging(["GET /metrics": (200, "")]) { $1 }) == .fine(nil))
    // Its own word still counts.
    #expect(
      try await Self.look(page.merging(["GET /health": (503, "")]) { $1 })
        == .dead("its engine is dead: /health answers 503"))
  }

  @Test func `metrics that do not come are no silence of a server that answers all else`()
    async throws
  {
    let health: StubServer.Answers = [
      "GET /health": (200, ""), "GET /metrics": StubServer.silence,
    ]
    #expect(try await Self.look(health) == .fine(nil))
    let models: StubServer.Answers = ["GET /metrics": StubServer.silence]
    // 404, 401: any answer.
    #expect(try await Self.look(models, healthPath: nil) == .fine(nil))
    let silent: StubServer.Answers = [
      "GET /metrics": StubServer.silence, "GET /v1/models": StubServer.silence,
    ]
    guard case .unanswered = try await Self.look(silent, healthPath: nil) else {
      Issue.record("a server that answers nothing is not silent")
      return
    }
  }

  @Test func `tcp: a connection, and until then loading`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      try await agent.claimedLink { node in
        let server = StubProgram.argv([:], port: port, pause: 1)
        let loading = try await node.start(
          Self.replica(Self.launch(.tcp(port: port)), serving: server)
        ) { $0.state == .loading }
        #expect(loading.processID > 0)
        _ = try await node.wait(for: "job") { $0.state == .ready }
        _ = try await node.stopAll()
      }
    }
  }

  @Test func `a port that another has taken meanwhile is named at the stop, and left alone`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      try await agent.claimedLink { node in
        var spec = ReplicaSpecification("other", script: "sleep 60")
        spec.launch.ports = [port]
        _ = try await node.start(spec) { $0.state == .ready }
        try await StubServer.serving([:], port: port) { _ in
          let stopped = try await node.stopAll()
          #expect(stopped.leftovers == [])
          let name = ProcessTable.stat(of: getpid())?.name ?? ""
          #expect(
            stopped.foreign == [
              "other/0: port \(port) is now that of process \(getpid()) (\(name)), "
                + "which this run did not start"
            ])
          #expect(TakenPorts.remains([port], mark: "NAME=none").foreign.count == 1)
          // As if this process were the run's.
          let own = try #require(
            try PlainFile.read("/proc/self/environ", sizeMax: 1 << 20).split(separator: 0).first)
          let remains = TakenPorts.remains([port], mark: String(decoding: own, as: UTF8.self))
          #expect(remains.foreign == [])
          #expect(
            remains.leftovers == [
              "port \(port) is held by process \(getpid()) (\(name)) of this run"
            ])
        }
      }
    }
  }

  /// Its server would answer the canary, and a replica that only loads would be ready.
  @Test func `a port that another process has taken is a failure before the start, and is named`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.serving(Self.served) { port in
      try await agent.claimedLink { node in
        var spec = Self.replica(Self.canary(port, "tiny"))
        spec.launch.ports = [port]
        let failed = try await node.start(spec) { $0.state == .failed || $0.state == .ready }
        #expect(failed.state == .failed && failed.processID == 0)
        #expect(
          failed.reason.contains(try Regex("port \(port) is taken by `.+`, pid [0-9]+")),
          "\(failed.reason)")
        // It may be free again soon.
        spec.key.service = "again"
        spec.launch.restartCountMax = 1
        let waits = try await node.start(spec) { $0.state == .backoff }
        #expect(waits.reason.contains("is taken by"), "\(waits.reason)")
        #expect(try await node.stopAll().leftovers == [])
      }
    }
  }

  @Test func `while it loads, it says what its probe found`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      let server = StubProgram.argv(["GET /v1/models": (401, "")], port: port)
      try await agent.claimedLink { node in
        let loading = try await node.start(
          Self.replica(Self.canary(port, "tiny"), serving: server)
        ) { $0.state == .loading && $0.reason.hasPrefix("/v1/models") }
        #expect(loading.reason.hasPrefix("/v1/models answers 401: it asks for a key"))
        _ = try await node.stopAll()
      }
    }
  }

  @Test(arguments: [([], ["VLLM_API_KEY": "k 1"]), (["--api-key", "k 1"], [:])])
  func `canary: a server that asks for a key gets it, also from a daemon that was started anew`(
    arguments: [String], secrets: [String: String]
  ) async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      let server = StubProgram.argv(Self.served, port: port, key: "k 1")
      var spec = Self.replica(Self.canary(port, "tiny"), serving: server + arguments)
      spec.launch.model?.keyArgument = arguments.isEmpty ? nil : server.count + 1
      spec.launch.secrets = secrets.keys.sorted()
      let wanted = spec
      let daemon = try await agent.claimedLink(secrets: secrets) { node in
        _ = try await node.start(wanted) { $0.state == .ready }
        return try await node.attach(agent.attachment()).processID
      }
      kill(pid_t(daemon), SIGKILL)
      try await eventually { ProcessTable.stat(of: Int32(daemon))?.isGone ?? true }
      // What was ready is taken at its word; without that word it is asked again.
      #expect(unlink("\(agent.stateFolder)/job-0/status") == 0)
      try await agent.claimedLink { node in
        _ = try await node.wait(for: "job") { $0.state == .ready }
        #expect(try await node.stopAll().leftovers == [])
      }
    }
  }

  @Test func `canary: a server that listens on one address is asked there`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      try await agent.claimedLink { node in
        let server = StubProgram.argv(Self.served, host: "127.0.0.9", port: port)
        var spec = Self.replica(Self.canary(port, "tiny"), serving: server)
        spec.launch.model?.host = "127.0.0.9"
        _ = try await node.start(spec) { $0.state == .ready }
        _ = try await node.stopAll()
      }
    }
  }

  @Test func `a port that nobody listens on is named in the failure`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      try await agent.claimedLink { node in
        let failed = try await node.start(Self.replica(Self.http(port, "/"), timeout: 2)) {
          $0.state == .failed
        }
        #expect(
          failed.reason == "not ready within 2 s: port \(port): nobody accepts connections")
        _ = try await node.stopAll()
      }
    }
  }

  @Test func `log: a line that contains the text`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      var spec = Self.replica(Self.launch(.log(contains: "listening on")))
      spec.launch.argv[2] = "echo loading; sleep 1; echo now listening on 80; sleep 60"
      _ = try await node.start(spec) { $0.state == .ready }
      _ = try await node.stopAll()
    }
  }

  @Test func `exec: a command that ends with status 0, in the replica's environment`() async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      let argv = ["sh", "-c", "test -e \(agent.folder)/flag && test $MUSTER_SERVICE = job"]
      var spec = Self.replica(Self.launch(.exec(argv: argv)))
      spec.launch.argv[2] = "sleep 1; touch \(agent.folder)/flag; sleep 60"
      _ = try await node.start(spec) { $0.state == .ready }
      _ = try await node.stopAll()
    }
  }

  @Test func `canary: the model is named and a token comes`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let answers: [String: (Int, String)] = [
      "GET /v1/models": (200, #"{"object":"list","data":[{"id":"tiny","root":"/m"}]}"#),
      "POST /v1/completions": (200, #"{"choices":[{"text":"a","finish_reason":"length"}]}"#),
    ]
    try await StubServer.withReservedPort { port in
      let server = StubProgram.argv(answers, port: port)
      try await agent.claimedLink { node in
        _ = try await node.start(Self.replica(Self.canary(port, "tiny"), serving: server)) {
          $0.state == .ready
        }
        _ = try await node.stopAll()
        let wrong = try await node.start(
          Self.replica(Self.canary(port, "large"), serving: server)
        ) { $0.state == .failed }
        #expect(wrong.reason == "wrong model: it serves `tiny`, not `large`")
        _ = try await node.stopAll()
      }
    }
  }

  @Test(arguments: [
    (200, #"{"choices":[{"finish_reason":"abort"}]}"#, "a completion was aborted"),
    (500, #"{"error":{"message":"EngineCore"}}"#, "a completion answers 500: EngineCore"),
    (200, #"{"error":{"message":"x"}}"#, "a completion answers with an error: x"),
    (200, "not JSON", "a completion answers without a choice that is finished"),
  ])
  func `canary: an answer that is no token fails`(
    status: Int, body: String, reason: String
  ) async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let answers: [String: (Int, String)] = [
      "GET /v1/models": (200, #"{"data":[{"id":"tiny"}]}"#), "POST /v1/completions": (status, body),
    ]
    try await StubServer.withReservedPort { port in
      let server = StubProgram.argv(answers, port: port)
      try await agent.claimedLink { node in
        let failed = try await node.start(
          Self.replica(Self.canary(port, "tiny"), timeout: 2, serving: server)
        ) { $0.state == .failed }
        #expect(failed.reason == "not ready within 2 s: \(reason)")
        _ = try await node.stopAll()
      }
    }
  }
}
