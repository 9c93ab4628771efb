/// The clock of a ``SimWorld``.
struct SimClock: Clock {
  struct Instant: InstantProtocol {
    var sinceStart: Duration
    func advanced(by duration: Duration) -> Self { Self(sinceStart: self.sinceStart + duration) }
    func duration(to other: Self) -> Duration { other.sinceStart - self.sinceStart }
    static func < (lhs: Self, rhs: Self) -> Bool { lhs.sinceStart < rhs.sinceStart }
  }

  let world: SimWorld
  var now: Instant { Instant(sinceStart: self.world.now) }
  var minimumResolution: Duration { .nanoseconds(1) }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    try await self.world.sleep(until: deadline.sinceStart)
  }
}
