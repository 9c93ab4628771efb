import Foundation
import Synchronization
import Testing

@testable import Dashboard

/// By real connections.
struct MetricsServerTests {
  private static let text = "up 1\n"

  /// A server for the length of `body`, which is called on a thread of its own since it blocks.
  private static func with(
    text: String = MetricsServerTests.text, idleTimeout: Duration = MetricsServer.idleTimeout,
    headTimeout: Duration = MetricsServer.headTimeout,
    _ body: @escaping @Sendable (Int) throws -> Void
  ) async throws {
    let port = try RawClient.freePort()
    let server = MetricsServer(
      host: "127.0.0.1", port: port, idleTimeout: idleTimeout, headTimeout: headTimeout
    ) {
      (Array(text.utf8), "text/plain; version=0.0.4; charset=utf-8")
    }
    let (listening, feed) = AsyncStream.makeStream(of: Void.self)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        do { try await server.run { feed.yield() } } catch is CancellationError {}
      }
      for await _ in listening { break }
      try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body(port) }) }
      }
      let begin = ContinuousClock.now
      tasks.cancelAll()
      try await tasks.waitForAll()
      #expect(begin.duration(to: .now) < .seconds(1), "its end takes long")
    }
  }

  private static func answer(_ method: String, _ path: String, _ port: Int) throws -> String {
    let client = try RawClient(port: port)
    client.ask(method, path)
    return try #require(client.rest())
  }

  @Test func `GET has the page, HEAD the same head without it`() async throws {
    try await Self.with { port in
      let get = try Self.answer("GET", "/metrics", port)
      #expect(get.hasPrefix("HTTP/1.1 200 OK\r\n") && get.hasSuffix("\r\n\r\nup 1\n"), "\(get)")
      let head = try Self.answer("HEAD", "/metrics", port)
      #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"), "\(head)")
      for answer in [get.lowercased(), head.lowercased()] {
        #expect(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(answer.contains("content-length: 5\r\n"))
        #expect(answer.contains(/\r\ndate: [a-z]{3}, \d\d [a-z]{3} \d{4} \d\d:\d\d:\d\d gmt\r\n/))
      }
      #expect(try Self.answer("GET", "/metrics?x=1", port).hasPrefix("HTTP/1.1 200 "))
      #expect(try Self.answer("GET", "/-/healthy", port).hasPrefix("HTTP/1.1 200 "))
      #expect(try Self.answer("GET", "/", port).contains("/metrics "))
    }
  }

  @Test func `another path is 404, another method 405 with those there are`() async throws {
    try await Self.with { port in
      for path in ["/metric", "/metrics/x", "/-/", "/../etc/passwd"] {
        #expect(try Self.answer("GET", path, port).hasPrefix("HTTP/1.1 404 "), "\(path)")
      }
      for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = try Self.answer(method, "/metrics", port)
        #expect(answer.hasPrefix("HTTP/1.1 405 "), "\(answer)")
        #expect(answer.lowercased().contains("allow: get, head\r\n"), "\(answer)")
      }
    }
  }

  @Test func `many read at once, and each gets all`() async throws {
    let text = String(repeating: "a{b=\"c\"} 1\n", count: 200_000)
    try await Self.with(text: text) { port in
      let whole = Mutex(0)
      DispatchQueue.concurrentPerform(iterations: 32) { _ in
        guard let answer = try? Self.answer("GET", "/metrics", port) else { return }
        if answer.utf8.count > text.utf8.count, answer.hasSuffix(text) {
          whole.withLock { $0 += 1 }
        }
      }
      #expect(whole.withLock { $0 } == 32)
    }
  }

  @Test func `a connection that rests is closed, and one that is used stays`() async throws {
    try await Self.with(idleTimeout: .seconds(1)) { port in
      let client = try RawClient(port: port)
      let resting = try RawClient(port: port).detached()
      defer { close(resting) }
      var byte: UInt8 = 0
      let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
      // Until the one that rests is closed.
      repeat {
        client.ask("GET", "/-/healthy", closing: false)
        let answer = client.next()
        try #require(answer?.hasPrefix("HTTP/1.1 200 ") == true)
      } while recv(resting, &byte, 1, flags) != 0
      let begin = ContinuousClock.now
      #expect(client.rest() == "")
      #expect(begin.duration(to: .now) < .seconds(4))
      // Nor is one kept that never asks.
      #expect(try RawClient(port: port).rest() == "")
    }
  }

  @Test func `half requests keep nobody out`() async throws {
    try await Self.with { port in
      let slow = try (0..<MetricsServer.connectionCountMax + 8).map { _ in
        let client = try RawClient(port: port, patience: 1)
        client.say("GET /metrics HTTP/1.1\r\nHost: ")
        return client
      }
      Thread.sleep(forTimeInterval: 1.2)
      for _ in 0..<8 {
        let client = try RawClient(port: port, patience: 5)
        client.ask("GET", "/metrics")
        #expect(client.rest()?.hasPrefix("HTTP/1.1 200 ") == true)
      }
      // What is kept of the slow ones is not more than one peer may have.
      let open = slow.filter(\.isOpen).count
      #expect(open <= MetricsServer.connectionCountMaxOfPeer, "\(open)")
    }
  }

  @Test func `a request has to arrive in time, however slowly its bytes come`() async throws {
    try await Self.with(headTimeout: .seconds(1)) { port in
      let client = try RawClient(port: port)
      let begin = ContinuousClock.now
      client.say("GET /metrics HTTP/1.1\r\n")
      while client.isOpen, begin.duration(to: .now) < .seconds(6) {
        client.say("A: b\r\n")
        Thread.sleep(forTimeInterval: 0.1)
      }
      #expect(begin.duration(to: .now) < .seconds(3))
    }
  }

  @Test(arguments: [
    ("127.0.0.1", 200), ("localhost:9464", 200), ("LOCALHOST", 200), ("[::1]:9464", 200),
    ("127.0.0.2", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421),
    ("localhost.evil.example:9464", 421), ("10.0.0.1", 421),
    ("127.0.0.1:9464@evil.example", 421),
  ])
  func `on a loopback address only requests to one are answered`(host: String, status: Int)
    async throws
  {
    try await Self.with { port in
      let client = try RawClient(port: port)
      client.ask("GET", "/metrics", host: host)
      let answer = try #require(client.rest())
      #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
      #expect(answer.contains("up 1") == (status == 200))
    }
  }

  @Test func `an open connection does not keep it from ending`() async throws {
    let open = Mutex<[Int32]>([])
    try await Self.with { port in
      let client = try RawClient(port: port)
      client.ask("GET", "/-/healthy", closing: false)
      #expect(client.next() != nil)
      // Neither closed nor read by us when the server is told to end.
      open.withLock { $0.append(client.detached()) }
    }
    for socket in open.withLock({ $0 }) { close(socket) }
  }

  @Test func `that the port is taken is told`() async throws {
    try await Self.with { port in
      let ended = DispatchSemaphore(value: 0)
      let fault = Mutex<String?>(nil)
      Task {
        let second = MetricsServer(host: "127.0.0.1", port: port) { ([], "") }
        do { try await second.run() } catch { fault.withLock { $0 = "\(error)" } }
        ended.signal()
      }
      #expect(ended.wait(timeout: .now() + 10) == .success)
      #expect(fault.withLock { $0 }?.contains("Address already in use") == true)
    }
  }
}
