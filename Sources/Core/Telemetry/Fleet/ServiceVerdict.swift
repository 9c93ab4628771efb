/// How well a service uses its GPUs, in a word, with the numbers it was drawn from.
package struct ServiceVerdict: Equatable, Sendable {
  package enum Word: String, CaseIterable, Sendable {
    /// The GPUs wait for requests.
    case starved
    /// Between the two.
    case steady
    case good
    /// Requests wait for the GPUs, or for room in the KV cache.
    case queueing
    /// No GPU says how busy it is.
    case unknown
  }

  /// Below this share of time the GPUs starve, in percent.
  package static let starvedBelow = 60.0
  /// From here on they are used well: NeMo-RL's runs that are, sit at 90 to 95 %.
  package static let goodFrom = 90.0
  /// Half of the requests waiting longer than this, in seconds, is a queue.
  package static let queueTimeMax = 1.0
  /// A cache as full as this holds requests back, where some wait.
  package static let cacheUsageFull = 0.95

  package let word: Word
  /// `GPUs 47 % busy, the least 12 %: below 60 %`.
  package let reason: String

  /// - Parameter gpus: Those of the service's nodes; what does not say how busy it is counts nowhere.
  package init(_ metrics: FleetMetrics, gpus: [GPUSample]) {
    if let reason = Self.queue(metrics) {
      (self.word, self.reason) = (.queueing, reason)
      return
    }
    let busy = gpus.compactMap(\.utilizationPercent)
    guard let least = busy.min() else {
      (self.word, self.reason) = (.unknown, "no GPU says how busy it is")
      return
    }
    let mean = busy.reduce(0, +) / Double(busy.count)
    let facts = "GPUs \(Self.text(mean)) % busy, the least \(Self.text(least)) %"
    if mean < Self.starvedBelow {
      self.word = .starved
      self.reason = "\(facts): below \(Self.text(Self.starvedBelow)) %"
    } else {
      self.word = mean >= Self.goodFrom ? .good : .steady
      self.reason = facts
    }
  }

  private static func queue(_ metrics: FleetMetrics) -> String? {
    guard let waiting = metrics.waiting, waiting > 0 else { return nil }
    let wait = "\(Self.text(waiting)) requests wait"
    if let usage = metrics.cacheUsageMax, usage >= Self.cacheUsageFull {
      return "\(wait) and a KV cache is \(Self.text(usage * 100)) % full"
    }
    if let time = metrics.latencies[.queue]?.p50.least, time > Self.queueTimeMax {
      return "\(wait), half of them longer than \(Self.text(time)) s"
    }
    // One for each server may just be on its way in.
    if let growth = metrics.waitingGrowth, growth > 0, waiting > Double(metrics.answeredCount) {
      return "\(wait), \(Self.text(growth)) more than before"
    }
    return nil
  }

  /// With one digit behind the point, where it is not 0.
  private static func text(_ number: Double) -> String {
    let tenths = (number * 10).rounded() / 10
    return tenths == tenths.rounded() && abs(tenths) < 1e15 ? "\(Int(tenths))" : "\(tenths)"
  }
}
