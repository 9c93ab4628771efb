/// What merging must know of a batch before it reads its records.
package struct MergeBatch: Equatable, Sendable {
  /// Counts from 1.
  package var attempt: UInt32
  package var items: Range<UInt64>

  package init(attempt: UInt32, items: Range<UInt64>) {
    self.attempt = attempt
    self.items = items
  }
}

/// A stretch of items that the same batches cover.
package struct MergeStep: Equatable, Sendable {
  package var items: Range<UInt64>
  /// Positions of the covering batches; none: nobody has these items.
  package var batches: [Int]

  /// Cuts `0 ..< itemCount` into stretches, in order and without gaps, at every bound of a batch.
  /// What batches claim beyond `itemCount` is in no stretch.
  ///
  /// - Complexity: O(n log n + n · d) for n batches of which at most d overlap.
  package static func steps(for batches: [MergeBatch], itemCount: UInt64) -> [Self] {
    var bounds: [UInt64] = [0, itemCount]
    for batch in batches { bounds += [batch.items.lowerBound, batch.items.upperBound] }
    bounds = bounds.filter { $0 <= itemCount }.sorted()
    let order = batches.indices.sorted {
      (batches[$0].items.lowerBound, $0) < (batches[$1].items.lowerBound, $1)
    }
    var steps: [Self] = []
    var active: [Int] = []
    var next = 0
    for (first, end) in zip(bounds, bounds.dropFirst()) where first < end {
      active.removeAll { batches[$0].items.upperBound <= first }
      while next < order.count, batches[order[next]].items.lowerBound <= first {
        if !batches[order[next]].items.isEmpty { active.append(order[next]) }
        next += 1
      }
      steps.append(Self(items: first..<end, batches: active))
    }
    return steps
  }
}
