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
