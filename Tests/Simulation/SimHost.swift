import Fleet

/// A process that at times does not run: an agent, or the coordinator.
///
/// SAFETY: all of it happens on the thread of its world, which counts what does not.
final class SimHost: @unchecked Sendable {
  let world: SimWorld
  /// While later than now it does not run.
  private(set) var pausedUntil: Milliseconds = 0
  private var pauseBeganAt: Milliseconds = 0
  private var pausedBefore: Milliseconds = 0

  init(in world: SimWorld) {
    self.world = world
  }

  func pause(until end: Milliseconds) {
    let now = self.world.milliseconds
    guard end > self.pausedUntil else { return }
    self.pausedBefore = self.paused(at: now)
    self.pauseBeganAt = now
    self.pausedUntil = end
  }

  /// For how long it has not run in all.
  func paused(at now: Milliseconds) -> Milliseconds {
    self.pausedBefore + max(0, min(now, self.pausedUntil) - self.pauseBeganAt)
  }

  /// Returns when it runs, so long after it has begun to.
  func awake(after delay: Milliseconds = 0) async {
    while self.pausedUntil > self.world.milliseconds {
      guard (try? await self.world.sleep(until: .milliseconds(self.pausedUntil + delay))) != nil
      else { return }
    }
  }
}

/// Time as a process sees it that at times does not run.
struct SimHostClock: Clock {
  typealias Instant = SimClock.Instant

  let host: SimHost
  var now: Instant { Instant(sinceStart: self.host.world.now) }
  var minimumResolution: Duration { .nanoseconds(1) }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    try await self.host.world.sleep(until: deadline.sinceStart)
    await self.host.awake()
  }
}

/// Milliseconds of a world since its beginning.
typealias Milliseconds = Int

extension SimWorld {
  /// Rounded down.
  var milliseconds: Milliseconds {
    let (seconds, attoseconds) = self.now.components
    return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
  }
}

extension SimClock.Instant {
  /// Rounded up.
  var milliseconds: Milliseconds {
    let (seconds, attoseconds) = self.sinceStart.components
    return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
