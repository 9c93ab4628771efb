import Synchronization
import Testing

@testable import Dashboard

struct PageCacheTests {
  /// A clock that stands until it is moved.
  private final class StandingClock: Clock, Sendable {
    struct Instant: InstantProtocol {
      var offset: Duration

      func advanced(by duration: Duration) -> Self { Self(offset: self.offset + duration) }
      func duration(to other: Self) -> Duration { other.offset - self.offset }
      static func < (lhs: Self, rhs: Self) -> Bool { lhs.offset < rhs.offset }
    }

    private let offset = Mutex(Duration.zero)

    var now: Instant { Instant(offset: self.offset.withLock { $0 }) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func move(by duration: Duration) { self.offset.withLock { $0 += duration } }
    func sleep(until deadline: Instant, tolerance: Duration?) async throws {}
  }

  @Test func `a page is made once a second, however many ask`() async {
    let clock = StandingClock()
    let count = Mutex(0)
    let cache = PageCache(for: .seconds(1), clock: clock) {
      count.withLock { $0 += 1 }
      return ([], "text/plain")
    }
    await withTaskGroup(of: Void.self) { tasks in
      for _ in 0..<100 { tasks.addTask { _ = await cache.page } }
    }
    #expect(count.withLock { $0 } == 1)
    clock.move(by: .milliseconds(999))
    _ = await cache.page
    #expect(count.withLock { $0 } == 1)
    clock.move(by: .milliseconds(1))
    _ = await cache.page
    #expect(count.withLock { $0 } == 2)
  }
}
