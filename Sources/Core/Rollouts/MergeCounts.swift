/// What a merge found. `planned` = `merged` + `missing`, always.
package struct MergeCounts: Equatable, Sendable {
  package var planned: UInt64 = 0
  package var merged: UInt64 = 0
  /// Planned keys without a result.
  package var missing: UInt64 = 0
  /// Those of the missing whose attempts all failed.
  package var failed: UInt64 = 0
  /// Results that lost against another one and differ from it.
  package var conflicts: UInt64 = 0
  /// Records that are not in the plan, not at their place, or not records.
  package var rejected: UInt64 = 0

  package init() {}
}

/// Where a merge's lines go.
package enum MergeOutput: CaseIterable, Sendable {
  case records
  case missing
  case conflicts
}
