import Coordinator
import Fleet
import Launch
import Plan
import RecordFiles
import RunStore
import Synchronization
import Telemetry

/// The state of a run's fleet, fed by a watch, shared by those who show it and who write it down.
final class FleetBoard: Sendable {
  private struct State {
    var fleet: FleetState
    var records: LineGrowth?
    /// Rises with each thing learnt.
    var version: UInt64 = 0
  }

  private let run: String
  private let remembered: [ReplicaKey: String]
  private let clock = ContinuousClock()
  private let began: ContinuousClock.Instant
  private let state: Mutex<State>

  /// - Parameter remembered: States that were known before.
  init(_ run: LiveRun, remembered: [ReplicaKey: String]) {
    self.run = run.id
    self.remembered = remembered
    self.began = self.clock.now
    self.state = Mutex(State(fleet: FleetState(plan: run.plan)))
  }

  private var now: Duration { self.clock.now - self.began }

  func see(_ sight: FleetSight) {
    let now = self.now
    self.state.withLock { state in
      state.fleet.see(sight, at: now)
      state.version += 1
    }
  }

  /// - Parameter count: Records of the eval under way; `nil` without one.
  func see(recordCount count: UInt64?) {
    let now = self.now
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

  var version: UInt64 { self.state.withLock { $0.version } }

  /// Muster's own records count before the lines of watched files.
  func moment() -> FleetMoment {
    let now = self.now
    let (fleet, records) = self.state.withLock { ($0.fleet, $0.records) }
    var rollouts: FleetMoment.Rollouts?
    if let records {
      rollouts = .init(count: records.last, perSecond: records.rate)
    } else if fleet.watchesFiles {
      rollouts = .init(count: fleet.lineCount, perSecond: fleet.linesPerSecond)
    }
    return FleetMoment(
      run: self.run, fleet, at: now, milliseconds: Int64(CoordinatorIdentity.nowMilliseconds),
      rollouts: rollouts, remembered: self.remembered)
  }
}

/// Counts the records of the newest eval of a manifest that is not finished.
struct RecordCounter {
  private let list: RunList
  private let name: String
  private var tails: [String: RecordFileTail] = [:]

  init(_ fleet: FleetContext) {
    self.list = RunList(root: fleet.runsFolder)
    self.name = fleet.plan.name
  }

  /// Blocks for reading.
  ///
  /// - Returns: `nil` where no eval is under way.
  mutating func count() throws(RunStoreError) -> UInt64? {
    guard let run = try self.evalUnderWay() else { return nil }
    var (tails, count): ([String: RecordFileTail], UInt64) = ([:], 0)
    for node in try run.recordedNodes() {
      let path = run.recordFilePath(of: node)
      var tail = self.tails[path] ?? RecordFileTail(path: path)
      do throws(FileFault) {
        try tail.look()
      } catch {
        throw .file(error)
      }
      tails[path] = tail
      count += tail.itemCount
    }
    self.tails = tails
    return count
  }

  private func evalUnderWay() throws(RunStoreError) -> RunDirectory? {
    for run in try self.list.runs(named: self.name) where !run.isFinished {
      if try run.workPlan() != nil { return run }
    }
    return nil
  }
}
