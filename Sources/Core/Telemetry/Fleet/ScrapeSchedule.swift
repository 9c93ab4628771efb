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
    let nanoseconds = self.interval / .nanoseconds(1)
    return .nanoseconds(Int64((nanoseconds * Self.share(of: name)).rounded(.down)))
  }

  /// An endpoint's place within an interval, 0 up to 1.
  package static func share(of name: String) -> Double {
    var hash = FNV1a()
    hash.join(name.utf8)
    // FNV-1a leaves the upper bits of short names alike: SplitMix64 spreads them.
    var generator = SplitMix64(state: hash.value)
    return Double(generator.next() >> 11) / Double(1 << 53)
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
