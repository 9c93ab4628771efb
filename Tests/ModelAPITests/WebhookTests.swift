import ModelAPI
import Testing

struct WebhookTests {
  /// How long a test's posts may take where nothing answers.
  private static let timeout = Duration.milliseconds(300)

  private static func reason(
    _ url: String, timeout: Duration = .seconds(10)
  ) async -> String? {
    do throws(Webhook.Fault) {
      try await Webhook(url: url).post(json: #"{"event":"failed"}"#, timeout: timeout)
      return nil
    } catch {
      return error.reason
    }
  }

  @Test func `a message arrives whole, as JSON`() async throws {
    let server = PageServer()
    let reason = try await server.serving { await Self.reason("http://127.0.0.1:\($0)/taken") }
    #expect(reason == nil)
    let request = PageServer.Request(
      method: "POST", path: "/taken", contentType: "application/json",
      body: #"{"event":"failed"}"#)
    #expect(server.requests == [request])
  }

  @Test(arguments: [
    ("/broken", "status 500"),
    ("/missing", "status 404"),
    ("/moved", "status 302, and redirections are not followed"),
    ("/closed", "no answer: Remote connection closed"),
  ])
  func `an answer that is none of success has its reason`(path: String, words: String) async throws
  {
    let server = PageServer()
    #expect(
      try await server.serving { await Self.reason("http://127.0.0.1:\($0)\(path)") } == words)
    #expect(server.requests.map(\.path) == [path])
  }

  @Test func `a server that says nothing is left in time`() async throws {
    try await PageServer().serving { port in
      let clock = ContinuousClock()
      let began = clock.now
      let reason = await Self.reason("http://127.0.0.1:\(port)/silent", timeout: Self.timeout)
      #expect(reason == "no answer within 0.3 s")
      #expect(began.duration(to: clock.now) < .seconds(5))
    }
  }

  @Test func `nobody waits for the end of a body`() async throws {
    try await PageServer().serving { port in
      let clock = ContinuousClock()
      let began = clock.now
      #expect(await Self.reason("http://127.0.0.1:\(port)/endless") == nil)
      #expect(began.duration(to: clock.now) < .seconds(5))
    }
  }

  @Test func `where nobody listens is said at once`() async throws {
    // A port that was free a moment ago.
    let port = try await PageServer().serving { $0 }
    #expect(await Self.reason("http://127.0.0.1:\(port)/secret") == "nobody accepts connections")
  }

  @Test func `no reason names the URL`() async throws {
    for url in ["http:" + "//nobody.invalid/secret", "x:/secret", "x"] {
      let reason = try #require(await Self.reason(url, timeout: .seconds(5)))
      #expect(!reason.contains("secret") && !reason.contains("x:") && !reason.isEmpty, "\(reason)")
    }
  }
}
