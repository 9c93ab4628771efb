import Fleet

/// When endpoints are scraped: each at its own place within the interval, which its name alone
/// decides, so that a fleet's scrapes are spread and a restart moves none of them.
package struct ScrapeSchedule: Equatable, Sendable {
  /// Positive.
  package let interval: Duration

  package init(every interval: Duration) {
    precondition(interval > .zero, "an interval of \(interval)")
    self.interval = interval
  }

  /// From the interval's begin; at least 0 and less than the interval.
  package func offset(of name: String) -> Duration {
    // FNV-1a leaves the upper bits of short names alike: SplitMix64 spreads them.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    var generator = SplitMix64(state: hash)
    let part = Double(generator.next() >> 11) / Double(1 << 53)
    let nanoseconds = self.interval / .nanoseconds(1)
    return .nanoseconds(Int64((nanoseconds * part).rounded(.down)))
  }

  /// The first time for an endpoint that is later than `now`.
  ///
  /// - Parameter now: Since a point that is the same for all endpoints; at least 0.
  package func next(of name: String, after now: Duration) -> Duration {
    let offset = self.offset(of: name)
    let turn = ((now - offset) / self.interval).rounded(.down)
    var next = offset + self.interval * turn
    while next <= now { next += self.interval }
    return next
  }
}
