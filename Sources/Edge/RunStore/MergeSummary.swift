import Rollouts

/// What the last complete merge left in `merged/`; there is none while one is being published.
package struct MergeSummary: Codable, Equatable, Sendable {
  package var workID: String
  package var planned: UInt64
  package var merged: UInt64
  package var missing: UInt64
  package var failed: UInt64
  package var conflicts: UInt64
  package var rejected: UInt64
  /// Batches that were stored, and those of them whose items had been leased before.
  package var batches: Int
  package var retriedBatches: Int
  /// Record files that are wrong from some byte on, each with what and where.
  package var damaged: [String]

  enum CodingKeys: String, CodingKey {
    case workID = "work_id"
    case planned, merged, missing, failed, conflicts, rejected, batches
    case retriedBatches = "retried_batches"
    case damaged
  }

  init(
    workID: String, counts: MergeCounts, attempts: [MergeAttempt], damaged: [String]
  ) {
    self.workID = workID
    self.planned = counts.planned
    self.merged = counts.merged
    self.missing = counts.missing
    self.failed = counts.failed
    self.conflicts = counts.conflicts
    self.rejected = counts.rejected
    self.batches = attempts.count
    self.retriedBatches = attempts.count { $0.batch.attempt > 1 }
    self.damaged = damaged
  }
}
