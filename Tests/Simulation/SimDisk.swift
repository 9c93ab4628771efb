import NodeAgent
import OperatingSystem
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
    /// The peer has said that it has all batches up to this number; 0: none.
    var acknowledgedThrough: UInt64 = 0
    var use = Use()
  }

  /// What a disk has seen in its time.
  struct Use: Equatable, Sendable {
    /// Bytes of lines in the log at most.
    var sizeMax = 0
    /// Of those, bytes at most that the peer had not even said to have.
    var neededSizeMax = 0
    /// How often the log was written anew.
    var dropCount = 0
  }

  let name: String
  let world: SimWorld
  private let state = Mutex(State())

  init(_ name: String, in world: SimWorld) {
    self.name = name
    self.world = world
  }

  var synced: [RecordBatch] { self.state.withLock { $0.synced } }

  var use: Use { self.state.withLock { $0.use } }

  /// The peer says, and this node may hear it later or never, that it has so much.
  func acknowledged(through sequence: UInt64) {
    self.state.withLock { $0.acknowledgedThrough = max($0.acknowledgedThrough, sequence) }
  }

  var history: WorkHistory { WorkHistory(self.synced.map(\.header)) }

  func setFull(_ isFull: Bool) { self.state.withLock { $0.isFull = isFull } }

  /// The second half of the log is gone, as `RecordFile` moves away what is damaged.
  func damage() {
    self.state.withLock { state in
      state.number += 1
      state.unsynced.removeAll()
      state.synced.removeLast((state.synced.count + 1) / 2)
    }
  }

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
      if state.workID != workID {
        state = State(number: state.number, workID: workID, use: state.use)
      }
      return SimLog(disk: self, number: state.number)
    }
  }

  fileprivate func access<T: Sendable>(
    _ number: Int, _ body: @Sendable (SimLogAccess) -> T
  ) async throws(SystemFault) -> T {
    let delay = self.world.draw { Int.random(in: 0...4, using: &$0) }
    try? await self.world.sleep(until: self.world.now + .milliseconds(delay))
    let isCurrent = self.state.withLock { $0.number == number }
    guard isCurrent else {
      throw SystemFault("use", self.name, code: 9)
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
        let needed = state.synced.filter { $0.sequence > state.acknowledgedThrough }
        state.use.sizeMax = max(
          state.use.sizeMax, state.synced.reduce(0) { $0 + $1.lines.count })
        state.use.neededSizeMax = max(
          state.use.neededSizeMax, needed.reduce(0) { $0 + $1.lines.count })
      }
    }

    func drop(through sequence: UInt64) {
      self.disk.state.withLock { state in
        state.synced.removeAll { $0.sequence <= sequence }
        state.droppedThrough = max(state.droppedThrough, sequence)
        state.use.dropCount += 1
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

  func append(_ batches: [RecordBatch]) async throws(SystemFault) {
    guard try await self.disk.access(self.number, { $0.append(batches) }) else {
      throw SystemFault("write", self.disk.name, code: 28)
    }
  }

  func sync() async throws(SystemFault) {
    try await self.disk.access(self.number) { $0.sync() }
  }

  var entries: [BatchEntry] {
    self.disk.all.batches.map { BatchEntry($0.header, size: $0.lines.count) }
  }

  var lastSequence: UInt64 {
    let (batches, dropped) = self.disk.all
    return max(dropped, batches.last?.sequence ?? 0)
  }

  func batches(after sequence: UInt64, maximumSize: Int) async throws(SystemFault)
    -> [RecordBatch]
  {
    Array(self.disk.all.batches.filter { $0.sequence > sequence }.prefix(4))
  }

  func drop(through sequence: UInt64) async throws(SystemFault) {
    try await self.disk.access(self.number) { $0.drop(through: sequence) }
  }
}

/// The spools of a simulated node.
struct SimStore: SpoolStore {
  let disk: SimDisk

  func open(workID: String) async throws(SystemFault) -> SimLog {
    self.disk.open(workID: workID)
  }
}
