/// What an eval found. Errors are apart from results: a mean is over `count` records, and `planned`
/// stands beside it.
package struct Report: Equatable, Sendable {
  package struct Mean: Equatable, Sendable {
    package var name: String
    /// How many records have it.
    package var count: UInt64
    package var mean: Double
    package var total: Double
  }

  /// The records of one difficulty, or all.
  package struct Group: Equatable, Sendable {
    package var name: String
    package var planned: UInt64
    package var count: UInt64
    /// `nil` without records.
    package var reward: Double?
    /// Half the 95 % confidence interval, clustered by task; `nil` with fewer than two tasks.
    package var rewardHalfWidth: Double?
    /// In the order in which records have them.
    package var rewards: [Mean]
    package var metrics: [Mean]
  }

  package struct FailureCount: Equatable, Sendable {
    package var name: String
    package var count: UInt64
  }

  package var workID: String
  package var policy: String
  package var seed: UInt64
  package var rolloutsPerTask: UInt64
  /// All, then the difficulties from easy to hard; only all where there is one difficulty.
  package var groups: [Group]
  package var missing: UInt64
  /// Of the missing, by class: those that are known, also with 0, then others by name.
  package var failures: [FailureCount]
  package var conflicts: UInt64
  package var rejected: UInt64
  package var batches: Int
  package var retriedBatches: Int
  /// How many records of a task differ in more than their key, summed over tasks; `nil` with one
  /// rollout a task.
  package var distinctEpisodes: UInt64?

  package var planned: UInt64 { self.groups.first?.planned ?? 0 }
  package var isComplete: Bool { self.missing == 0 }
}
