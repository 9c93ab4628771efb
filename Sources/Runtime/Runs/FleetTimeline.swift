package import Coordinator
import Health
import Launch

/// What a watch of a fleet learns that the run's journal does not have yet.
package struct FleetTimeline: Sendable {
  private struct Subject: Hashable {
    var node: String
    var service: String
    var replica: ReplicaKey?
    var what: String
    /// Of what is no state: two lines of a log may have one time.
    var reason: String
  }

  /// An agent notes a state, and that it has entered it, one after the other.
  private static let clockSlackMilliseconds: Int64 = 500

  /// Events that one watch keeps; a node that tells more is not right.
  private static let countMax = 100_000

  private var times: [Subject: [Int64]] = [:]
  private var count = 0
  /// Nodes whose link is down, by the last word.
  private var lost: Set<String> = []
  private var pending: [ChainEvent] = []

  /// - Parameter journal: In the order in which it was written.
  package init(journal: [ChainEvent]) {
    for event in journal {
      self.times[Self.subject(of: event), default: []].append(event.milliseconds)
      if event.what == "faulted" { self.lost.insert(event.node) }
      if event.what == "attached" { self.lost.remove(event.node) }
    }
  }

  /// What an agent tells, of a replica or of its node.
  package mutating func add(_ event: ChainEvent) {
    let subject = Self.subject(of: event)
    let slack = ReplicaPhase(rawValue: event.what) == nil ? 0 : Self.clockSlackMilliseconds
    let isKnown =
      self.times[subject]?.contains { abs($0 - event.milliseconds) <= slack } ?? false
    guard isKnown else {
      guard self.count < Self.countMax else { return }
      self.count += 1
      self.times[subject, default: []].append(event.milliseconds)
      self.pending.append(event)
      return
    }
    // Only a report has the last lines of the log.
    guard !event.logLines.isEmpty else { return }
    let index = self.pending.lastIndex { Self.subject(of: $0) == subject }
    if let index { self.pending[index].logLines = event.logLines }
  }

  /// What an agent says of a replica at present.
  package mutating func add(_ report: ReplicaReport) {
    // A state that nobody dated cannot be told from itself.
    guard report.sinceMilliseconds > 0 else { return }
    self.add(ChainEvent(report))
  }

  /// The link to a node is down.
  ///
  /// - Returns: The event; `nil` where it was down before.
  package mutating func lost(_ node: String, reason: String, milliseconds: Int64) -> ChainEvent? {
    guard self.lost.insert(node).inserted else { return nil }
    let event = ChainEvent(
      milliseconds: milliseconds, node: node, what: "faulted", reason: reason)
    self.pending.append(event)
    return event
  }

  /// An agent has answered.
  ///
  /// - Returns: The event; `nil` where its link was not known to be down.
  package mutating func reached(_ node: String, milliseconds: Int64) -> ChainEvent? {
    guard self.lost.remove(node) != nil else { return nil }
    let event = ChainEvent(milliseconds: milliseconds, node: node, what: "attached")
    self.pending.append(event)
    return event
  }

  /// What is to be written, in the order of its times.
  package mutating func take() -> [ChainEvent] {
    defer { self.pending = [] }
    return self.pending.enumerated().sorted { one, other in
      (one.element.milliseconds, one.offset) < (other.element.milliseconds, other.offset)
    }.map(\.element)
  }

  private static func subject(of event: ChainEvent) -> Subject {
    let isState = ReplicaPhase(rawValue: event.what) != nil
    return Subject(
      node: event.node, service: event.service, replica: event.replica, what: event.what,
      reason: isState ? "" : event.reason)
  }
}
