import NodeAPI
import Synchronization

/// The last known state of every replica, and a bell for those who watch.
///
/// A watcher that is slow misses states in between, never the last one: nothing is queued for it.
final class StatusBoard: Sendable {
  private struct State {
    var version: UInt64 = 0
    var entries: [ReplicaKey: (version: UInt64, status: Muster_V1_ReplicaStatus)] = [:]
    var watchers: [UInt64: AsyncStream<Void>.Continuation] = [:]
    var watcherCount: UInt64 = 0
  }

  private let state = Mutex(State())

  /// In the order of the keys.
  var all: [Muster_V1_ReplicaStatus] {
    self.state.withLock { state in
      state.entries.sorted { $0.key < $1.key }.map(\.value.status)
    }
  }

  func status(of key: ReplicaKey) -> Muster_V1_ReplicaStatus? {
    self.state.withLock { $0.entries[key]?.status }
  }

  func post(_ status: Muster_V1_ReplicaStatus, for key: ReplicaKey) {
    self.state.withLock { state in
      if state.entries[key]?.status == status { return }
      state.version += 1
      state.entries[key] = (state.version, status)
      for watcher in state.watchers.values { watcher.yield() }
    }
  }

  /// Rings for what no status shows.
  func ring() {
    self.state.withLock { state in
      for watcher in state.watchers.values { watcher.yield() }
    }
  }

  /// What has changed since, oldest first, and the version to ask for next.
  ///
  /// - Parameter version: 0: everything.
  func changes(after version: UInt64) -> (statuses: [Muster_V1_ReplicaStatus], version: UInt64) {
    self.state.withLock { state in
      let changed = state.entries.values.filter { $0.version > version }
        .sorted { $0.version < $1.version }
      return (changed.map(\.status), state.version)
    }
  }

  /// Rings once at first, and once or more after each change.
  func bell() -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let id = self.state.withLock { state in
      state.watcherCount += 1
      state.watchers[state.watcherCount] = continuation
      return state.watcherCount
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
    }
    continuation.yield()
    return stream
  }
}
