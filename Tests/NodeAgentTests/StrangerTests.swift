import Foundation
import GRPCCore
import Health
import Launch
import NodeAPI
import OperatingSystem
import Testing

@testable import NodeAgent

/// Somebody else listens where a replica is asked.
@Suite
struct `A stranger on a replica's port` {
  private static let served: StubServer.Answers = [
    "GET /v1/models": (200, #"{"data":[{"id":"tiny"}]}"#),
    "POST /v1/completions": (200, #"{"choices":[{"finish_reason":"length"}]}"#),
    "GET /health": (200, ""), "GET /metrics": (200, "vllm:num_requests_running 0\n"),
  ]

  /// A model server that shows a key.
  private static func replica(_ port: Int, argv: [String]) -> ReplicaSpecification {
    var launch = LaunchSpecification(argv: argv, secrets: ["VLLM_API_KEY"], ports: [port])
    launch.model = ModelServer(port: port, model: "tiny", keyVariable: "VLLM_API_KEY")
    launch.stopGraceSeconds = 2
    return ReplicaSpecification(key: ReplicaKey(service: "job", index: 0), launch: launch)
  }

  /// A program for the length of `body`.
  private static func running(
    _ argv: [String], environment: [String: String], _ body: () async throws -> Void
  ) async throws {
    let process = try ChildProcess(argv: argv, environment: environment).spawn()
    defer { ChildProcess.kill(process) }
    try await body()
  }

  /// Whose it is: this user's; another's, who has given it all that tells a process of the replica.
  enum Stranger: CaseIterable {
    case own
    case other
  }

  @Test(arguments: Stranger.allCases)
  func `who binds first while a server loads gets no key, and does not make it ready`(
    stranger: Stranger
  ) async throws {
    // Only root can make processes of others, and could be deceived by them.
    if stranger == .other, geteuid() != 0 { return }
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      // Where another user may write too.
      let log = "/tmp/muster-requests-\(getpid())-\(port)"
      defer { unlink(log) }
      try await agent.claimedLink(secrets: ["VLLM_API_KEY": "k"]) { node in
        let loads = Self.replica(port, argv: ["/bin/sh", "-c", "sleep 60"])
        _ = try await node.start(loads) { $0.processID != 0 }
        var environment = agent.environment
        if stranger == .other {
          environment["MUSTER_RUN"] = "\(agent.run)/\(agent.node)"
          environment["MUSTER_SERVICE"] = "job"
          environment["MUSTER_INDEX"] = "0"
        }
        let argv = StubProgram.argv(
          Self.served, port: port, user: stranger == .other ? 65_534 : 0, log: log)
        try await Self.running(argv, environment: environment) {
          let asked = try await node.wait(for: "job") {
            $0.state == .ready || $0.state == .failed || $0.reason.contains("not this replica's")
          }
          #expect(asked.state == .starting, "\(asked)")
          #expect(
            asked.reason.contains(try Regex("port \(port): process [0-9]+ \\(perl\\) listens")),
            "\(asked.reason)")
          var request = Muster_V1_ScrapeRequest()
          request.intervalMilliseconds = 0
          let fault = try await node.scrape(request) { response in
            try await response.messages.reduce(into: "") { $0 += $1.page.fault }
          }
          #expect(fault.contains("not this replica's"), "\(fault)")
          #expect(!FileManager.default.fileExists(atPath: log))
        }
        _ = try await node.stopAll()
      }
    }
  }

  @Test
  func `one that shares the port with a server gets nothing, and the server is busy till it goes`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let log = "\(agent.folder)/requests"
    try await StubServer.withReservedPort { port in
      try await agent.claimedLink(secrets: ["VLLM_API_KEY": "k"]) { node in
        let own = StubProgram.argv(Self.served, port: port, key: "k", sharesPort: true)
        _ = try await node.start(Self.replica(port, argv: own)) { $0.state == .ready }
        let other = StubProgram.argv(Self.served, port: port, sharesPort: true, log: log)
        try await Self.running(other, environment: agent.environment) {
          let busy = try await node.wait(for: "job") { $0.state == .busy }
          #expect(busy.reason.contains("not this replica's"), "\(busy.reason)")
          #expect(!FileManager.default.fileExists(atPath: log))
        }
        _ = try await node.wait(for: "job") { $0.state == .ready }
        _ = try await node.stopAll()
      }
    }
  }

  @Test func `a server that a child of a replica is, in whatever session, is the replica's`()
    async throws
  {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.withReservedPort { port in
      try await agent.claimedLink(secrets: ["VLLM_API_KEY": "k"]) { node in
        let server = StubProgram.argv(Self.served, port: port, key: "k")
        let script = "setsid env -i \"$@\" --api-key k & sleep 60"
        _ = try await node.start(
          Self.replica(port, argv: ["/bin/sh", "-c", script, "sh"] + server)
        ) { $0.state == .ready }
        #expect(try await node.stopAll().leftovers == [])
      }
    }
  }

  // MARK: Which sockets a connection may come to

  private static func socket(_ address: [UInt8], _ inode: String, port: Int = 80)
    -> ListeningPorts.Socket
  {
    .init(address: address, port: port, inode: inode, user: 0)
  }

  private static let any6 = [UInt8](repeating: 0, count: 16)
  private static let mapped = [UInt8](repeating: 0, count: 10) + [255, 255, 127, 0, 0, 1]
  private static let loopback6 = [UInt8](repeating: 0, count: 15) + [1]

  @Test(arguments: [
    // The address itself, all of IPv4, all of IPv6: in this order.
    ("127.0.0.1", ["own", "mapped"], [[127, 0, 0, 1], Self.mapped, [0, 0, 0, 0], Self.any6]),
    ("127.0.0.1", ["any"], [[127, 0, 0, 9], Self.loopback6, [0, 0, 0, 0], Self.any6]),
    ("127.0.0.1", ["any6"], [[127, 0, 0, 9], Self.loopback6, [9, 9, 9, 9], Self.any6]),
    ("::1", ["mapped"], [[127, 0, 0, 1], Self.loopback6, [0, 0, 0, 0], Self.any6]),
    ("::1", ["any6"], [[127, 0, 0, 1], Self.mapped, [0, 0, 0, 0], Self.any6]),
    ("10.0.0.1", [], [[127, 0, 0, 1], Self.mapped, [9, 9, 9, 9], Self.loopback6]),
  ])
  func `a connection comes to those whom the kernel prefers`(
    address: String, inodes: [String], addresses: [[UInt8]]
  ) {
    let sockets = zip(["own", "mapped", "any", "any6"], addresses).map { Self.socket($1, $0) }
    let others = sockets.map { Self.socket($0.address, "other", port: 81) }
    let reached = ListeningPorts.reached(address, 80, among: sockets + others)
    #expect(reached.map(\.inode) == inodes)
  }

  @Test func `addresses are read as they are on the wire`() {
    let table = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
         0: 0901007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  33 0 77 1
         2: 0000000000000000FFFF00000100007F:0016 00000000000000000000000000000000:0000 0A 0
      """
    let sockets = ListeningPorts.parse(Array(table.utf8))
    #expect(sockets.map(\.address) == [[127, 0, 1, 9], Self.mapped])
    #expect(sockets[0].user == 33 && sockets[0].inode == "77")
  }
}
