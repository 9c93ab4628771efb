package import Coordinator
import Fleet
import Health
package import Launch
import RunStore
import Synchronization

/// Writes what a watch learns into a run's journal, each thing once, whoever saw it first.
package final class TimelineJournal: Sendable {
  /// Of each replica, as the journal had it when the watch began.
  package let lastStates: [ReplicaKey: String]
  private let run: LiveRun
  private let timeline: Mutex<FleetTimeline>
  private let sampled = Mutex(false)
  /// Two writers at once would change the order.
  private let writing = Mutex(())

  /// A journal that cannot be read is as an empty one: the first ``write()`` tells of it.
  package init(_ run: LiveRun) {
    self.run = run
    let known = (try? run.chain()) ?? []
    self.timeline = Mutex(FleetTimeline(journal: known))
    let states = known.filter(\.isState).sorted { $0.milliseconds < $1.milliseconds }
    self.lastStates = states.reduce(into: [:]) { last, event in
      if let key = event.replica { last[key] = event.what }
    }
  }

  /// Keeps it until it is written.
  ///
  /// - Returns: That a link was lost or is back, once for each time.
  @discardableResult
  package func see(_ sight: FleetSight) -> ChainEvent? {
    let now = self.run.surroundings.milliseconds()
    return self.timeline.withLock { timeline in
      switch sight {
      case .reached(let node): return timeline.reached(node, milliseconds: now)
      case .lost(let fault):
        return timeline.lost(
          fault.node, reason: fault.diagnostic.summary, milliseconds: now)
      case .reported(let report): timeline.add(report)
      case .happened(let event):
        // Of its link we know more than the node.
        guard event.replica != nil || !LiveRun.linkWords.contains(event.what) else { break }
        timeline.add(event)
      case .scraped: break
      }
      return nil
    }
  }

  /// Blocks for one sync of the disk, where there is anything new.
  package func write() {
    self.writing.withLock { _ in
      let events = self.timeline.withLock { $0.take() }
      self.run.record(events.map { self.run.written($0) })
    }
  }

  /// Whether ``write(samples:)`` has had any.
  package var hasSamples: Bool { self.sampled.withLock { $0 } }

  /// - Parameter samples: The numbers of services at one instant, each as one JSON object.
  package func write(samples: [(service: String, json: String)]) {
    self.sampled.withLock { $0 = true }
    let now = self.run.surroundings.milliseconds()
    self.run.record(
      samples.map { sample in
        JournalEvent(
          milliseconds: now, kind: LiveRun.sampleKind, subject: sample.service,
          detail: sample.json)
      })
  }
}

/// What a watch of a fleet learns that the run's journal does not have yet.
package struct FleetTimeline: Sendable {
  private struct Subject: Hashable {
    var subject: ChainEvent.Subject
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
    let slack = event.isState ? Self.clockSlackMilliseconds : 0
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
    return self.pending.sorted { $0.milliseconds < $1.milliseconds }
  }

  private static func subject(of event: ChainEvent) -> Subject {
    Subject(
      subject: event.subject, what: event.what, reason: event.isState ? "" : event.reason)
  }
}
