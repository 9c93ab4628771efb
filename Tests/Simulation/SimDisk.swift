import NodeAgent
import RecordFiles
import Rollouts
import Synchronization

/// A disk with one record log: it is slow, fills up, and forgets what was not synced when its machine
/// or the process on it ends.
final class SimDisk: Sendable {
  private struct State {
    var synced: [RecordBatch] = []
    var unsynced: [RecordBatch] = []
    var droppedThrough: UInt64 = 0
    var isFull = false
    /// A handle of an earlier number is of a process that is gone.
    var number = 0
    var workID = ""
  }

  let name: String
  let world: SimWorld
  private let state = Mutex(State())

  init(_ name: String, in world: SimWorld) {
    self.name = name
    self.world = world
  }

  var synced: [RecordBatch] { self.state.withLock { $0.synced } }

  var recorded: OrdinalRangeSet { OrdinalRangeSet(self.synced.map(\.items)) }

  func setFull(_ isFull: Bool) { self.state.withLock { $0.isFull = isFull } }

  /// The process that used it is gone.
  func crash() {
    self.state.withLock { state in
      state.number += 1
      state.unsynced.removeAll()
    }
  }

  func open(workID: String = "") -> SimLog {
    self.state.withLock { state in
      state.number += 1
      state.unsynced.removeAll()
      if state.workID != workID { state = State(number: state.number, workID: workID) }
      return SimLog(disk: self, number: state.number)
    }
  }

  fileprivate func access<T: Sendable>(
    _ number: Int, _ body: @Sendable (SimLogAccess) -> T
  ) async throws(RecordLogError) -> T {
    let delay = self.world.draw { Int.random(in: 0...4, using: &$0) }
    try? await self.world.sleep(until: self.world.now + .milliseconds(delay))
    let isCurrent = self.state.withLock { $0.number == number }
    guard isCurrent else {
      throw .failed(path: self.name, operation: "use", errno: 9)
    }
    return body(SimLogAccess(disk: self))
  }

  fileprivate struct SimLogAccess {
    let disk: SimDisk

    func append(_ batches: [RecordBatch]) -> Bool {
      self.disk.state.withLock { state in
        if state.isFull {
          state.unsynced.removeAll()
          state.number += 1
          return false
        }
        state.unsynced += batches
        return true
      }
    }

    func sync() {
      self.disk.state.withLock { state in
        state.synced += state.unsynced
        state.unsynced.removeAll()
      }
    }

    func drop(through sequence: UInt64) {
      self.disk.state.withLock { state in
        state.synced.removeAll { $0.sequence <= sequence }
        state.droppedThrough = max(state.droppedThrough, sequence)
      }
    }
  }

  fileprivate var all: (batches: [RecordBatch], droppedThrough: UInt64) {
    self.state.withLock { ($0.synced + $0.unsynced, $0.droppedThrough) }
  }
}

/// One opening of a ``SimDisk``'s log.
struct SimLog: SpoolLog {
  let disk: SimDisk
  let number: Int

  func append(_ batches: [RecordBatch]) async throws(RecordLogError) {
    guard try await self.disk.access(self.number, { $0.append(batches) }) else {
      throw .diskFull(path: self.disk.name)
    }
  }

  func sync() async throws(RecordLogError) {
    try await self.disk.access(self.number) { $0.sync() }
  }

  func contents() async -> [SpoolMachine.Entry] {
    self.disk.all.batches.map {
      SpoolMachine.Entry(sequence: $0.sequence, items: $0.items, size: $0.lines.count)
    }
  }

  func highestSequence() async -> UInt64 {
    let (batches, dropped) = self.disk.all
    return max(dropped, batches.last?.sequence ?? 0)
  }

  func batches(after sequence: UInt64, maximumSize: Int) async throws(RecordLogError)
    -> [RecordBatch]
  {
    Array(self.disk.all.batches.filter { $0.sequence > sequence }.prefix(4))
  }

  func drop(through sequence: UInt64) async throws(RecordLogError) {
    try await self.disk.access(self.number) { $0.drop(through: sequence) }
  }
}

/// The spools of a simulated node.
struct SimStore: SpoolStore {
  let disk: SimDisk

  func open(workID: String) async throws(RecordLogError) -> SimLog {
    self.disk.open(workID: workID)
  }
}
