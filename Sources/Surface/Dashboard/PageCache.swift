/// Keeps a page for a while, so that it is made once however many ask.
package actor PageCache<ClockType: Clock & Sendable> where ClockType.Duration == Duration {
  private let lifetime: Duration
  private let clock: ClockType
  private let make: @Sendable () -> MetricsServer.Page
  private var kept: (page: MetricsServer.Page, madeAt: ClockType.Instant)?

  /// - Parameters:
  ///   - lifetime: For which a page is good; positive.
  ///   - make: Whoever asks meanwhile waits for it.
  package init(
    for lifetime: Duration, clock: ClockType, make: @escaping @Sendable () -> MetricsServer.Page
  ) {
    self.lifetime = lifetime
    self.clock = clock
    self.make = make
  }

  /// The page that was made last, or a new one.
  package var page: MetricsServer.Page {
    let now = self.clock.now
    if let kept = self.kept, kept.madeAt.duration(to: now) < self.lifetime { return kept.page }
    let page = self.make()
    self.kept = (page, now)
    return page
  }
}
