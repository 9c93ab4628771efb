import Fleet
import Synchronization
import Telemetry

/// The last that is known of each endpoint that is scraped.
final class ScrapeBoard: Sendable {
  struct Endpoint: Sendable {
    let name: String
    /// Where it is reached directly; `nil` through an agent.
    let url: String?
    /// Of a run's replica: `node`, `service`, `replica`.
    let labels: [MetricsMerge.Label]
    /// Of a page that came at the last try; `nil` when none did.
    var text: [UInt8]?
    /// By our clock.
    var arrived: ContinuousClock.Instant?
    var readingCount = 0
    var reading: EngineReading?
    var interval: EngineInterval?
    /// Why there is no page, in words; empty where there is one.
    var fault = "no page came"
    fileprivate var history = EngineHistory()

    var node: String? { self.labels.first { $0.name == "node" }?.value }

    var metrics: EndpointMetrics {
      EndpointMetrics(
        name: self.name, reading: self.text == nil ? nil : self.reading,
        interval: self.text == nil ? nil : self.interval)
    }
  }

  private struct State {
    var endpoints: [Endpoint]
    var scrape = EngineScrape()
  }

  private let state: Mutex<State>

  init(_ targets: [ScrapeTarget]) {
    let endpoints = targets.map { Endpoint(name: $0.name, url: $0.url, labels: []) }
    self.state = Mutex(State(endpoints: endpoints))
  }

  var count: Int { self.state.withLock { $0.endpoints.count } }

  func snapshot() -> [Endpoint] { self.state.withLock { $0.endpoints } }

  /// - Returns: The endpoint's index.
  func append(_ name: String, labels: [MetricsMerge.Label]) -> Int {
    self.state.withLock { state in
      state.endpoints.append(Endpoint(name: name, url: nil, labels: labels))
      return state.endpoints.count - 1
    }
  }

  /// - Parameter instant: When the page was made, since a point of the endpoint's own.
  func add(_ text: [UInt8], from index: Int, at instant: Duration) {
    let now = ContinuousClock().now
    self.state.withLock { state in
      do throws(MetricsTextError) {
        let reading = try state.scrape.read(text)
        state.endpoints[index].interval = state.endpoints[index].history.add(reading, at: instant)
        state.endpoints[index].reading = reading
        state.endpoints[index].text = text
        state.endpoints[index].fault = reading.hasEngine ? "" : "no engine on its page"
      } catch {
        state.endpoints[index].text = nil
        state.endpoints[index].fault = "its page is no text of metrics: \(error)"
      }
      state.endpoints[index].arrived = now
      state.endpoints[index].readingCount += 1
    }
  }

  func add(fault: String, from index: Int) {
    self.state.withLock { state in
      state.endpoints[index].text = nil
      state.endpoints[index].fault = fault
      state.endpoints[index].readingCount += 1
    }
  }

  /// How often each of some endpoints has been tried, the least of them.
  func readingCount(ofAll indices: [Int]) -> Int {
    self.state.withLock { state in
      indices.map { state.endpoints[$0].readingCount }.min() ?? .max
    }
  }
}
