import Fleet
import Health
import Synchronization
package import Telemetry

/// The last that is known of each endpoint that is scraped.
package final class ScrapeBoard: Sendable {
  package struct Endpoint: Sendable {
    package let name: String
    /// Where it is reached directly; `nil` through an agent.
    package let url: String?
    /// Of a run's replica: `node`, `service`, `replica`.
    package let labels: [MetricsMerge.Label]
    package fileprivate(set) var page = EndpointPage()

    package var node: String? { self.labels.first { $0.name == "node" }?.value }
    package var metrics: EndpointMetrics { self.page.metrics(named: self.name) }
  }

  private struct State {
    var endpoints: [Endpoint]
    var scrape = EngineScrape()
  }

  private let state: Mutex<State>
  private let now: @Sendable () -> Duration

  /// - Parameter now: Since a point of its own.
  package init(_ targets: [ScrapeTarget], now: @escaping @Sendable () -> Duration) {
    let endpoints = targets.map { Endpoint(name: $0.name, url: $0.url, labels: []) }
    self.state = Mutex(State(endpoints: endpoints))
    self.now = now
  }

  package var count: Int { self.state.withLock { $0.endpoints.count } }

  package func snapshot() -> [Endpoint] { self.state.withLock { $0.endpoints } }

  /// - Returns: The endpoint's index.
  func append(_ name: String, labels: [MetricsMerge.Label]) -> Int {
    self.state.withLock { state in
      state.endpoints.append(Endpoint(name: name, url: nil, labels: labels))
      return state.endpoints.count - 1
    }
  }

  /// - Parameter instant: When the page was made, since a point of the endpoint's own.
  func add(_ text: [UInt8], from index: Int, at instant: Duration) {
    let now = self.now()
    self.state.withLock { state in
      state.endpoints[index].page.add(text, madeAt: instant, at: now, with: &state.scrape)
    }
  }

  func add(fault: String, from index: Int) {
    self.state.withLock { $0.endpoints[index].page.miss(fault) }
  }

  /// How often each of some endpoints has been tried, the least of them.
  func tryCount(ofAll indices: [Int]) -> Int {
    self.state.withLock { state in
      indices.map { state.endpoints[$0].page.tryCount }.min() ?? .max
    }
  }

  /// What is known now of each and of all.
  package func report(_ window: LatencyWindow) -> ScrapeReport {
    ScrapeReport(self.snapshot(), window, at: self.now())
  }
}
