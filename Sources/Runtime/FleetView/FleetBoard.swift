package import Coordinator
import Health
package import Launch
package import Runs
import Synchronization

/// The state of a run's fleet, fed by a watch, shared by those who show it and who write it down.
package final class FleetBoard: Sendable {
  private struct State {
    var fleet: FleetState
    var records: LineGrowth?
    /// Rises with each thing learnt.
    var version: UInt64 = 0
  }

  private let run: LiveRun
  private let remembered: [ReplicaKey: String]
  private let now: @Sendable () -> Duration
  private let state: Mutex<State>

  /// - Parameters:
  ///   - remembered: States that were known before.
  ///   - now: Since a point of its own.
  package init(
    _ run: LiveRun, remembered: [ReplicaKey: String], now: @escaping @Sendable () -> Duration
  ) {
    self.run = run
    self.remembered = remembered
    self.now = now
    self.state = Mutex(State(fleet: FleetState(plan: run.plan)))
  }

  package func see(_ sight: FleetSight) {
    let now = self.now()
    self.state.withLock { state in
      state.fleet.see(sight, at: now)
      state.version += 1
    }
  }

  /// - Parameter count: Records of the eval under way; `nil` without one.
  package func see(recordCount count: UInt64?) {
    let now = self.now()
    self.state.withLock { state in
      guard let count else {
        state.records = nil
        return
      }
      var growth = state.records ?? LineGrowth()
      growth.add(count, at: now, window: FleetState.growthWindow)
      state.records = growth
    }
  }

  package var version: UInt64 { self.state.withLock { $0.version } }

  /// Muster's own records count before the lines of watched files.
  package func moment() -> FleetMoment {
    let now = self.now()
    let (fleet, records) = self.state.withLock { ($0.fleet, $0.records) }
    var rollouts: FleetMoment.Rollouts?
    if let records {
      rollouts = .init(count: records.last, perSecond: records.rate)
    } else if fleet.watchesFiles {
      rollouts = .init(count: fleet.lineCount, perSecond: fleet.linesPerSecond)
    }
    return FleetMoment(
      run: self.run.id, fleet, at: now, milliseconds: self.run.surroundings.milliseconds(),
      rollouts: rollouts, remembered: self.remembered)
  }

  /// All of it for Prometheus, made from a copy, so that nothing that comes waits for it.
  ///
  /// - Parameter interval: From one page of a replica to its next; positive.
  package func exposition(every interval: Duration) -> (text: [UInt8], contentType: String) {
    let fleet = self.state.withLock { $0.fleet }
    return FleetExposition(fleet, interval: interval).page(at: self.now())
  }
}
