import Health
import Launch
import NodeAPI

/// What a node may speak of: itself, and its own replicas of the run's plan. What its agent says of others
/// is dropped here, before anybody hears it.
struct NodeVoice: Sendable {
  let node: String
  let own: Set<ReplicaKey>

  /// A state of one of its replicas; `nil`: of none, or a state that this program does not know.
  func report(_ status: Muster_V1_ReplicaStatus) -> ReplicaReport? {
    ReplicaReport(status, node: self.node).flatMap { self.own.contains($0.key) ? $0 : nil }
  }

  /// What happened to it or to one of its replicas; `nil`: to none.
  func event(_ event: Muster_V1_NodeEvent) -> ChainEvent? {
    let event = ChainEvent(event, node: self.node)
    return event.replica.map(self.own.contains) == false ? nil : event
  }

  /// Numbers of it or of one of its replicas; none of others.
  func scrapes(_ report: Muster_V1_ScrapeReport) -> [NodeScrape] {
    NodeScrape.all(report).filter { scrape in
      if case .page(let page) = scrape, case .replica(let key) = page.source {
        return self.own.contains(key)
      }
      return true
    }
  }
}
