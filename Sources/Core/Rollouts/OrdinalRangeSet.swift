/// A set of item ordinals, kept as sorted ranges that neither overlap nor touch: small for as long as
/// items come in runs, which leases see to.
package struct OrdinalRangeSet: Equatable, Sendable {
  /// In order; none is empty, and there is a gap between any two.
  package private(set) var ranges: [Range<UInt64>] = []
  /// Number of ordinals in the set.
  package private(set) var count: UInt64 = 0

  package init() {}

  package init(_ ranges: some Sequence<Range<UInt64>>) {
    for range in ranges { self.insert(range) }
  }

  package var isEmpty: Bool { self.ranges.isEmpty }

  /// - Returns: How many of the range's ordinals were not in the set before.
  /// - Complexity: O(log n) to find the place, O(n) to move what lies behind it; O(1) at the end.
  @discardableResult
  package mutating func insert(_ range: Range<UInt64>) -> UInt64 {
    guard !range.isEmpty else { return 0 }
    // Ranges that overlap or touch `range` become one with it.
    let first = self.index { $0.upperBound >= range.lowerBound }
    var end = first
    var merged = range
    var known: UInt64 = 0
    while end < self.ranges.count, self.ranges[end].lowerBound <= range.upperBound {
      let other = self.ranges[end]
      known += UInt64(other.clamped(to: range).count)
      merged = min(merged.lowerBound, other.lowerBound)..<max(merged.upperBound, other.upperBound)
      end += 1
    }
    self.ranges.replaceSubrange(first..<end, with: CollectionOfOne(merged))
    let added = UInt64(range.count) - known
    self.count += added
    return added
  }

  /// - Returns: How many of the range's ordinals were in the set.
  @discardableResult
  package mutating func remove(_ range: Range<UInt64>) -> UInt64 {
    guard !range.isEmpty else { return 0 }
    let first = self.index { $0.upperBound > range.lowerBound }
    var end = first
    var kept: [Range<UInt64>] = []
    var removed: UInt64 = 0
    while end < self.ranges.count, self.ranges[end].lowerBound < range.upperBound {
      let other = self.ranges[end]
      removed += UInt64(other.clamped(to: range).count)
      if other.lowerBound < range.lowerBound { kept.append(other.lowerBound..<range.lowerBound) }
      if other.upperBound > range.upperBound { kept.append(range.upperBound..<other.upperBound) }
      end += 1
    }
    self.ranges.replaceSubrange(first..<end, with: kept)
    self.count -= removed
    return removed
  }

  package func contains(_ ordinal: UInt64) -> Bool {
    let index = self.index { $0.upperBound > ordinal }
    return index < self.ranges.count && self.ranges[index].lowerBound <= ordinal
  }

  /// Whether every ordinal of the range is in the set; true for an empty one.
  package func contains(_ range: Range<UInt64>) -> Bool {
    guard !range.isEmpty else { return true }
    let index = self.index { $0.upperBound > range.lowerBound }
    guard index < self.ranges.count else { return false }
    return self.ranges[index].lowerBound <= range.lowerBound
      && self.ranges[index].upperBound >= range.upperBound
  }

  /// The parts of `range` that are not in the set, in order.
  package func gaps(in range: Range<UInt64>) -> [Range<UInt64>] {
    guard !range.isEmpty else { return [] }
    var gaps: [Range<UInt64>] = []
    var next = range.lowerBound
    var index = self.index { $0.upperBound > range.lowerBound }
    while index < self.ranges.count, self.ranges[index].lowerBound < range.upperBound {
      if self.ranges[index].lowerBound > next { gaps.append(next..<self.ranges[index].lowerBound) }
      next = self.ranges[index].upperBound
      index += 1
    }
    if next < range.upperBound { gaps.append(next..<range.upperBound) }
    return gaps
  }

  /// The first range for which `predicate`, false and then true in order, is true; else the end.
  private func index(where predicate: (Range<UInt64>) -> Bool) -> Int {
    var low = 0
    var high = self.ranges.count
    while low < high {
      let middle = (low + high) / 2
      if predicate(self.ranges[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
