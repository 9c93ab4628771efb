import Coordinator
import Fleet
import Health
import RunStore
import Synchronization

extension LiveRun {
  /// What is said of a node's link.
  fileprivate static let linkWords = ["attached", "faulted"]

  /// An event as the journal has it: with the time at which it happened, by the clock of whoever told
  /// it, beside that of its writing.
  func written(_ event: ChainEvent) -> JournalEvent {
    var members: [(String, JSONText)] = [
      ("node", .string(event.node)), ("reason", .string(self.redact(event.reason))),
    ]
    // Without one it happened when it was written.
    if event.milliseconds > 0 { members.append(("at", .integer(Int(event.milliseconds)))) }
    if !event.logLines.isEmpty {
      members.append(("log", .string(self.redact(event.logLines.joined(separator: "\n")))))
    }
    let isOurs =
      event.replica == nil
      ? Self.linkWords.contains(event.what) : ReplicaPhase(rawValue: event.what) != nil
    // A node's own words are no kinds: they have a meaning in the journal.
    if !isOurs { members.append(("event", .string(event.what))) }
    if !isOurs, let replica = event.replica { members.append(("replica", .string("\(replica)"))) }
    return JournalEvent(
      milliseconds: Int64(CoordinatorIdentity.nowMilliseconds),
      kind: isOurs ? event.what : ChainEvent.journalKind,
      subject: event.replica?.description ?? event.node, detail: JSONText.object(members).text)
  }
}

extension ChainEvent {
  /// That a replica has entered its present state.
  init(_ report: ReplicaReport) {
    self.init(
      milliseconds: report.sinceMilliseconds, node: report.node, replica: report.key,
      what: report.state.rawValue, reason: report.reason)
    self.logLines = report.lastLogLines
  }
}

/// Writes what a watch learns into a run's journal, each thing once, whoever saw it first.
final class TimelineJournal: Sendable {
  /// Of each replica, as the journal had it when the watch began.
  let lastStates: [ReplicaKey: String]
  private let run: LiveRun
  private let timeline: Mutex<FleetTimeline>
  private let sampled = Mutex(false)
  /// Two writers at once would change the order.
  private let writing = Mutex(())

  /// A journal that cannot be read is as an empty one: the first ``write()`` tells of it.
  init(_ run: LiveRun) {
    self.run = run
    let events = (try? run.events()) ?? []
    let known = events.filter { $0.kind != ServiceSample.journalKind }.map { ChainEvent($0) }
    self.timeline = Mutex(FleetTimeline(journal: known))
    var states: [ReplicaKey: (milliseconds: Int64, word: String)] = [:]
    for event in known where ReplicaPhase(rawValue: event.what) != nil {
      guard let key = event.replica, event.milliseconds >= states[key]?.milliseconds ?? 0 else {
        continue
      }
      states[key] = (event.milliseconds, event.what)
    }
    self.lastStates = states.mapValues(\.word)
  }

  /// Keeps it until it is written.
  ///
  /// - Returns: That a link was lost or is back, once for each time.
  @discardableResult
  func see(_ sight: FleetSight) -> ChainEvent? {
    let now = Int64(CoordinatorIdentity.nowMilliseconds)
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
  func write() {
    self.writing.withLock { _ in
      let events = self.timeline.withLock { $0.take() }
      self.run.record(events.map { self.run.written($0) })
    }
  }

  /// Whether ``write(_:)`` has had samples.
  var hasSamples: Bool { self.sampled.withLock { $0 } }

  func write(_ samples: [ServiceSample]) {
    self.sampled.withLock { $0 = true }
    let now = Int64(CoordinatorIdentity.nowMilliseconds)
    self.run.record(
      samples.map { sample in
        JournalEvent(
          milliseconds: now, kind: ServiceSample.journalKind, subject: sample.service,
          detail: sample.json())
      })
  }
}
