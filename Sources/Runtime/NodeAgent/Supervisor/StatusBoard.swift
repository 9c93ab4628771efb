import Health
import Launch
import Synchronization

/// The last known state of every replica, and a bell for those who watch.
///
/// A watcher that is slow misses states in between, never the last one: nothing is queued for it.
final class StatusBoard: Sendable {
  private struct State {
    var version: UInt64 = 0
    var entries: [ReplicaKey: (version: UInt64, status: ReplicaStatus)] = [:]
  }

  /// Rings after each change, and for what no status shows.
  let bell = Bell()
  private let state = Mutex(State())

  /// In the order of the keys.
  var all: [ReplicaStatus] {
    self.state.withLock { state in
      state.entries.sorted { $0.key < $1.key }.map(\.value.status)
    }
  }

  func status(of key: ReplicaKey) -> ReplicaStatus? {
    self.state.withLock { $0.entries[key]?.status }
  }

  func post(_ status: ReplicaStatus, for key: ReplicaKey) {
    self.state.withLock { state in
      state.version += 1
      state.entries[key] = (state.version, status)
    }
    self.bell.ring()
  }

  /// Passes on every status as it is now, then each change, until the task is cancelled.
  func follow(_ receive: (ReplicaStatus) async throws -> Void) async rethrows {
    var version: UInt64 = 0
    for await _ in self.bell.rings() {
      let entries = self.state.withLock { $0.entries.values }
      for entry in entries.sorted(by: { $0.version < $1.version }) where entry.version > version {
        try await receive(entry.status)
        version = entry.version
      }
    }
  }
}
