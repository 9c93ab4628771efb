import Coordinator
import Dashboard
import Plan
import Synchronization

/// What is known of a run, for a server: written as it comes, read when somebody asks.
final class ExpositionBoard: Sendable {
  private let exposition: Mutex<FleetExposition>
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant

  init(_ plan: Plan, interval: Duration) {
    self.exposition = Mutex(FleetExposition(plan: plan, interval: interval))
    self.start = self.clock.now
  }

  func see(_ sight: FleetSight) {
    self.exposition.withLock { $0.see(sight, at: self.start.duration(to: self.clock.now)) }
  }

  /// Made from a copy, so that nothing that comes waits for it.
  func page() -> MetricsText {
    let exposition = self.exposition.withLock { $0 }
    let page = exposition.page(at: self.start.duration(to: self.clock.now))
    return MetricsText(page.text, contentType: page.contentType)
  }
}
