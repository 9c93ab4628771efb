/// A sum of doubles in the order given, with the rounding errors kept beside it: the same on every
/// machine, and independent of how many there are.
///
/// Source: Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
/// ZAMM 54 (1974), algorithm IV.
package struct StatisticsSum: Equatable, Sendable {
  package private(set) var count: UInt64 = 0
  private var sum = 0.0
  private var correction = 0.0

  package init() {}

  package mutating func add(_ value: Double) {
    let total = self.sum + value
    self.correction +=
      abs(self.sum) >= abs(value) ? (self.sum - total) + value : (value - total) + self.sum
    self.sum = total
    self.count += 1
  }

  package var total: Double { self.sum + self.correction }
  /// `nil` of nothing.
  package var mean: Double? { self.count == 0 ? nil : self.total / Double(self.count) }
}

/// The mean of values that come in clusters, such as the rollouts of a task, with its confidence
/// interval. Keeps two numbers for each cluster.
///
/// With n values of mean m in C clusters, and D_c the sum of (value - m) over cluster c:
/// variance of m = C / (C - 1) · Σ D_c² / n². Values of one cluster may depend on each other. With one
/// value in each cluster this is the usual s² / n.
/// Source: Liang and Zeger, "Longitudinal Data Analysis Using Generalized Linear Models", Biometrika
/// 73 (1986), for the sum; Miller, "Adding Error Bars to Evals", 2024, section 2.2, for its use with
/// evals; C / (C - 1) is the usual correction for few clusters (Cameron and Miller, "A Practitioner's
/// Guide to Cluster-Robust Inference", J. Human Resources 50 (2015), section VI.B).
package struct StatisticsClusteredMean: Equatable, Sendable {
  /// The 97.5 % quantile of the normal distribution: a 95 % interval has half so many standard
  /// errors on each side of the mean.
  package static let quantile = 1.959963984540054

  private var clusters: [StatisticsSum] = []
  private var lastCluster: UInt64?
  private var all = StatisticsSum()

  package init() {}

  /// - Parameter cluster: Values of one cluster come one after the other.
  package mutating func add(_ value: Double, cluster: UInt64) {
    if self.lastCluster != cluster { self.clusters.append(StatisticsSum()) }
    self.lastCluster = cluster
    self.clusters[self.clusters.count - 1].add(value)
    self.all.add(value)
  }

  /// Half the width of the 95 % confidence interval; `nil` with fewer than two clusters.
  package var halfWidth: Double? {
    guard self.clusters.count >= 2, let mean = self.all.mean else { return nil }
    var squares = StatisticsSum()
    for cluster in self.clusters {
      let deviation = cluster.total - Double(cluster.count) * mean
      squares.add(deviation * deviation)
    }
    let (clusterCount, count) = (Double(self.clusters.count), Double(self.all.count))
    let variance = clusterCount / (clusterCount - 1) * squares.total / (count * count)
    return Self.quantile * variance.squareRoot()
  }
}
