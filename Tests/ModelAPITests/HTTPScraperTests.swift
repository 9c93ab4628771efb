import ModelAPI
import NIOCore
import NIOPosix
import Testing

struct HTTPScraperTests {
  private static func fault(
    _ url: String, timeout: Duration = .seconds(10)
  ) async throws -> HTTPScrapeFault? {
    try await HTTPScraper.with(timeout: timeout, clock: ContinuousClock()) { scraper in
      do throws(HTTPScrapeFault) {
        _ = try await scraper.page(url)
        return nil
      } catch {
        return error
      }
    }
  }

  @Test func `pages come over one connection that is kept`() async throws {
    let server = PageServer()
    try await server.serving { port in
      try await HTTPScraper.with(timeout: .seconds(10), clock: ContinuousClock()) { scraper in
        for _ in 0..<5 {
          let page = try await scraper.page("http://127.0.0.1:\(port)/metrics")
          #expect(page == Array("up 1\n".utf8))
        }
      }
    }
    #expect(server.connectionCount == 1)
  }

  @Test func `each fault has its name`() async throws {
    try await PageServer().serving { port in
      let base = "http://127.0.0.1:\(port)"
      let missing = try await Self.fault("\(base)/missing")
      #expect(missing == .status(404))
      let moved = try await Self.fault("\(base)/moved")
      #expect(moved == .status(302))
      let large = try await Self.fault("\(base)/large")
      #expect(large == .tooLarge(sizeMax: HTTPScraper.sizeMax))
    }
    #expect(try await Self.fault("nonsense://a") != nil)
  }

  @Test(arguments: ["/silent", "/half"])
  func `an answer that does not come whole ends in time`(path: String) async throws {
    try await PageServer().serving { port in
      let timeout = Duration.milliseconds(200)
      let fault = try await Self.fault("http://127.0.0.1:\(port)\(path)", timeout: timeout)
      #expect(fault == .unanswered(timeout))
    }
  }

  @Test func `where nobody listens is said at once`() async throws {
    // A port that was free a moment ago.
    let port = try await PageServer().serving { $0 }
    #expect(try await Self.fault("http://127.0.0.1:\(port)/metrics") == .refused)
  }
}
