import Health
package import Manifest

/// One message about a change of state.
package struct Notice: Equatable, Sendable {
  package var event: ManifestNotify.Event
  /// Empty where it is about a node.
  package var service: String
  /// `nil` where it is about a node.
  package var index: Int?
  package var node: String
  package var reason: String
  /// Of the same service and event since the last message, which were not told.
  package var moreCount: Int

  /// One sentence: `policy/0` failed on gpu01: the engine died (and 12 more).
  package var text: String {
    let verb =
      switch self.event {
      case .failed: "failed"
      case .backoff: "failed and is tried again"
      case .stalled, .unreachable, .ready: "is \(self.event.rawValue)"
      }
    let subject =
      self.index.map { "`\(self.service)/\($0)` \(verb) on \(self.node)" }
      ?? "\(self.node) \(verb)"
    let reason = self.reason.isEmpty ? "" : ": \(self.reason)"
    return subject + reason + (self.moreCount > 0 ? " (and \(self.moreCount) more)" : "")
  }
}
