/// Counts of observations up to each of some bounds.
package struct MetricHistogram: Equatable, Sendable {
  package struct Bucket: Equatable, Sendable {
    /// Included; the last bucket's is infinite.
    package let upperBound: Double
    /// Of all observations up to the bound, those of the buckets before among them.
    package let count: Double
  }

  /// By ascending bounds; at least one.
  package let buckets: [Bucket]
  /// Of all observed values; `nil` where it was not said.
  package let sum: Double?

  /// Of all observations.
  package var count: Double { self.buckets.last?.count ?? 0 }

  /// Of the observed values; `nil` without any, and where their sum is unknown.
  package var mean: Double? {
    guard let sum = self.sum, self.count > 0, case let mean = sum / self.count, mean.isFinite else {
      return nil
    }
    return mean
  }

  /// What was observed between two readings of one server; `nil` when the server started anew between
  /// them, or has other buckets now.
  package func since(_ earlier: MetricHistogram) -> MetricHistogram? {
    guard self.buckets.count == earlier.buckets.count else { return nil }
    var buckets: [Bucket] = []
    for (now, before) in zip(self.buckets, earlier.buckets) {
      guard now.upperBound == before.upperBound, now.count >= before.count else { return nil }
      buckets.append(Bucket(upperBound: now.upperBound, count: now.count - before.count))
    }
    let sum = self.sum.flatMap { sum in earlier.sum.map { sum - $0 } }
    return MetricHistogram(buckets: buckets, sum: sum)
  }

  /// The observations of several servers together, over the bounds that all of them have; `nil`
  /// without any.
  package static func pooled(_ histograms: [MetricHistogram]) -> MetricHistogram? {
    var builder = MetricHistogramBuilder()
    for histogram in histograms {
      for bucket in histogram.buckets { builder.add(bucket.count, upperBound: bucket.upperBound) }
      if let sum = histogram.sum { builder.add(sum: sum) }
    }
    return builder.histogram()
  }

  /// The value that a part of the observations does not exceed; `nil` without observations.
  ///
  /// Source: Prometheus' `histogram_quantile`, which gives a number for the first bucket and for what is
  /// beyond the last finite bound, too.
  ///
  /// - Parameter part: 0 to 1.
  package func quantile(_ part: Double) -> HistogramQuantile? {
    precondition((0...1).contains(part), "a quantile of \(part)")
    guard self.count > 0, self.buckets.count > 1 else { return nil }
    let rank = part * self.count
    let finite = self.buckets.dropLast()
    guard let index = finite.firstIndex(where: { $0.count >= rank }) else {
      return finite.last.map { .above($0.upperBound) }
    }
    let bucket = self.buckets[index]
    guard index > 0 else { return .upTo(bucket.upperBound) }
    let (lower, before) = (self.buckets[index - 1].upperBound, self.buckets[index - 1].count)
    guard bucket.count > before else { return .about(bucket.upperBound) }
    return .about(
      lower + (bucket.upperBound - lower) * (rank - before) / (bucket.count - before))
  }
}

/// What buckets tell of a percentile.
package enum HistogramQuantile: Equatable, Sendable {
  /// Between two bounds, estimated as if a bucket's observations were spread evenly.
  case about(Double)
  /// In the first bucket: no more than its bound is known.
  case upTo(Double)
  /// Beyond the last finite bound.
  case above(Double)

  /// `nil` where there is a bound only.
  package var estimate: Double? {
    switch self {
    case .about(let value): value
    case .upTo, .above: nil
    }
  }

  /// What it certainly reaches, as well as is known; `nil`: nothing.
  package var least: Double? {
    switch self {
    case .about(let value), .above(let value): value
    case .upTo: nil
    }
  }

  /// The bound, and what it is called; `nil` where there is an estimate.
  package var bound: (name: String, value: Double)? {
    switch self {
    case .about: nil
    case .upTo(let bound): ("below", bound)
    case .above(let bound): ("above", bound)
    }
  }

  var isFinite: Bool {
    switch self {
    case .about(let value), .upTo(let value), .above(let value): value.isFinite
    }
  }
}

struct MetricHistogramBuilder {
  private var sum = 0.0
  /// Of series that say one.
  private var sumCount = 0
  /// In the order in which they come first, with the number of series that have the bound.
  private var buckets: [(upperBound: Double, count: Double, seriesCount: Int)] = []
  /// By upper bound; for look-ups only.
  private var places: [Double: Int] = [:]
  /// Where the next bucket is expected: all series have them in the same order.
  private var next = 0

  mutating func add(_ count: Double, upperBound: Double) {
    if self.next >= self.buckets.count || self.buckets[self.next].upperBound != upperBound {
      self.next = self.places[upperBound] ?? self.buckets.count
      if self.next == self.buckets.count {
        self.places[upperBound] = self.next
        self.buckets.append((upperBound, 0, 0))
      }
    }
    self.buckets[self.next].count += count
    self.buckets[self.next].seriesCount += 1
    self.next += 1
  }

  mutating func add(sum: Double) {
    self.sum += sum
    self.sumCount += 1
  }

  /// A bound that not all series have says nothing about their sum and is left out.
  ///
  /// - Returns: `nil` without a bucket that has no bound.
  func histogram() -> MetricHistogram? {
    guard let place = self.places[.infinity] else { return nil }
    let seriesCount = self.buckets[place].seriesCount
    let buckets = self.buckets.filter { $0.seriesCount == seriesCount }
      .sorted { $0.upperBound < $1.upperBound }
    return MetricHistogram(
      buckets: buckets.map { .init(upperBound: $0.upperBound, count: $0.count) },
      sum: self.sumCount == seriesCount ? self.sum : nil)
  }
}
