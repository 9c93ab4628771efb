import Foundation
import Testing

/// `muster scrape` as a user runs it, against stub model servers.
@Suite struct ScrapeTests {
  private static func scrape(_ arguments: String...) throws -> BuiltProgram.Ending {
    try BuiltProgram(executable: BuiltProgram.muster, arguments: ["scrape"] + arguments).run()
  }

  /// Starts stubs, waits until they are ready, and kills them at the end.
  ///
  /// - Parameter body: Gets a port each.
  private static func withStubs(_ count: Int, _ body: ([Int]) throws -> Void) throws {
    let stub = BuiltProgram(
      executable: BuiltProgram.products.appending(path: "stub-model-server").path(),
      arguments: [
        "serve", "tiny", "--host", "127.0.0.1", "--port", "0", "--stub-load-seconds", "0",
      ])
    let stubs = try (0..<count).map { _ in try stub.start() }
    defer {
      for stub in stubs {
        stub.send(SIGKILL)
        _ = stub.end(timeout: .seconds(5))
      }
    }
    try body(stubs.map(Self.port))
  }

  private static func port(of stub: RunningProgram) throws -> Int {
    let marker = "Starting vLLM server on http://127.0.0.1:"
    let deadline = ContinuousClock.now.advanced(by: .seconds(20))
    while ContinuousClock.now < deadline, stub.isRunning {
      let log = stub.talkSoFar
      if log.contains("startup complete"), let start = log.firstRange(of: marker)?.upperBound,
        let port = Int(log[start...].prefix(while: \.isNumber))
      {
        return port
      }
      usleep(20_000)
    }
    throw CocoaError(.executableLoad)
  }

  @Test func `a table has a row for each endpoint and one for all, and ? for what is unknown`()
    throws
  {
    try Self.withStubs(2) { ports in
      let names = ports.map { "127.0.0.1:\($0)" }
      let ending = try Self.scrape(names[0], "http://\(names[1])/metrics", "127.0.0.1:1")
      #expect(ending.status == 0, "\(ending.talk)")
      let lines = ending.output.split(separator: "\n")
        .map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
      #expect(lines.map(\.[0]) == ["ENDPOINT"] + names + ["127.0.0.1:1", "fleet"])
      // Nobody asked: no rate of hits, no times. Counters are there and rest.
      #expect(Array(lines[1][1...7]) == ["0", "0", "0.0", "0", "?", "?", "?"])
      #expect(Array(lines[3][1...8]) == [String](repeating: "?", count: 8))
      #expect(lines[3].suffix(3) == ["nobody", "accepts", "connections"])
      #expect(lines[4].prefix(5) == ["fleet", "2/3", "0", "0", "0.0"])
    }
  }

  @Test func `JSON is an object a scrape, and unknown numbers are null`() throws {
    try Self.withStubs(1) { ports in
      let ending = try Self.scrape("127.0.0.1:\(ports[0])", "--once", "--format", "json")
      let object = try JSONSerialization.jsonObject(with: Data(ending.output.utf8))
      let scrape = try #require(object as? [String: Any])
      let endpoints = try #require(scrape["endpoints"] as? [[String: Any]])
      #expect(
        endpoints.count == 1 && endpoints[0]["endpoint"] as? String == "127.0.0.1:\(ports[0])")
      #expect(endpoints[0]["running"] as? Double == 0)
      #expect(endpoints[0]["generation_tokens_per_second"] is NSNull)
      let fleet = try #require(scrape["fleet"] as? [String: Any])
      #expect(fleet["answered"] as? Int == 1 && fleet["prefix_hit_rate"] is NSNull)
    }
  }

  @Test func `Prometheus gets every sample with its endpoint, and who did not answer`() throws {
    try Self.withStubs(1) { ports in
      let ending = try Self.scrape("127.0.0.1:\(ports[0])", "127.0.0.1:1", "--format", "prometheus")
      let name = "endpoint=\"127.0.0.1:\(ports[0])\""
      #expect(ending.output.contains("vllm:num_requests_running{\(name),"))
      #expect(ending.output.contains("muster_endpoint_up{\(name)} 1.0\n"))
      #expect(ending.output.contains("muster_endpoint_up{endpoint=\"127.0.0.1:1\"} 0.0\n"))
      let types = ending.output.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
      #expect(types.count > 50 && Set(types).count == types.count)
      let samples = ending.output.split(separator: "\n").filter { !$0.hasPrefix("#") }
      #expect(samples.allSatisfy { $0.contains("endpoint=\"127.0.0.1:") })
    }
  }

  @Test(arguments: [false, true])
  func `it goes on until it is interrupted, and with nohup through a hangup`(
    isNohup: Bool
  ) throws {
    try Self.withStubs(1) { ports in
      let watch = try BuiltProgram(
        executable: "/bin/sh",
        arguments: [
          "-c", "\(isNohup ? "trap '' HUP; " : "")exec \"$0\" \"$@\"", BuiltProgram.muster,
          "scrape", "127.0.0.1:\(ports[0])", "--watch", "1", "--format", "json",
        ]
      ).start()
      usleep(1_500_000)
      if isNohup { watch.send(SIGHUP) }
      usleep(1_000_000)
      watch.send(SIGINT)
      let ending = watch.end(timeout: .seconds(10))
      #expect(ending.status == 130)
      let lines = ending.output.split(separator: "\n")
      #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("{\"endpoints\":[{") })
    }
  }

  @Test func `that none answered is status 2, and a wrong command line is told`() throws {
    let none = try Self.scrape("127.0.0.1:1", "--once")
    #expect(none.status == 2 && none.talk.contains("none of the endpoints answered"))
    #expect(none.output.contains("nobody accepts connections"))
    let wrong = try Self.scrape("gpu01")
    #expect(wrong.status == 2 && wrong.talk.contains("caused by: it has no port"))
    #expect(try Self.scrape().status == 64)
    #expect(try Self.scrape("a:1", "--once", "--watch", "1").status == 64)
  }
}
