/// A set of item ordinals, kept as sorted ranges that neither overlap nor touch: small for as long as
/// items come in runs, which leases see to.
package struct OrdinalRangeSet: Equatable, Sendable, ExpressibleByArrayLiteral {
  /// In order; none is empty, and there is a gap between any two.
  package private(set) var ranges: [Range<UInt64>] = []
  /// Number of ordinals in the set.
  package private(set) var count: UInt64 = 0

  package init() {}

  package init(_ ranges: some Sequence<Range<UInt64>>) {
    for range in ranges { self.insert(range) }
  }

  package init(arrayLiteral ranges: Range<UInt64>...) {
    self.init(ranges)
  }

  /// The set whose ranges have these bounds, in order: first, end, first, end …
  ///
  /// - Returns: `nil` where a bound is not above the one before it, or an end is missing.
  package init?(bounds: [UInt64]) {
    guard bounds.count.isMultiple(of: 2), zip(bounds, bounds.dropFirst()).allSatisfy(<) else {
      return nil
    }
    for index in stride(from: 0, to: bounds.count, by: 2) {
      self.ranges.append(bounds[index]..<bounds[index + 1])
      self.count += bounds[index + 1] - bounds[index]
    }
  }

  /// As ``init(bounds:)`` reads them.
  package var bounds: [UInt64] { self.ranges.flatMap { [$0.lowerBound, $0.upperBound] } }

  /// From the first ordinal to the last; empty for an empty set.
  package var span: Range<UInt64> {
    guard let first = self.ranges.first, let last = self.ranges.last else { return 0..<0 }
    return first.lowerBound..<last.upperBound
  }

  /// Each ordinal, in order.
  package var ordinals: some Sequence<UInt64> { self.ranges.lazy.flatMap { $0 } }

  package var isEmpty: Bool { self.ranges.isEmpty }

  /// - Returns: How many of the range's ordinals were not in the set before.
  /// - Complexity: O(log n) to find the place, O(n) to move what lies behind it; O(1) at the end.
  @discardableResult
  package mutating func insert(_ range: Range<UInt64>) -> UInt64 {
    guard !range.isEmpty else { return 0 }
    // Ranges that overlap or touch `range` become one with it.
    let first = self.index { $0.upperBound >= range.lowerBound }
    let end = self.index { $0.lowerBound > range.upperBound }
    let joined = self.ranges[first..<end]
    let known = joined.reduce(0) { $0 + UInt64($1.clamped(to: range).count) }
    let lowest = min(range.lowerBound, joined.first?.lowerBound ?? .max)
    let highest = max(range.upperBound, joined.last?.upperBound ?? 0)
    self.ranges.replaceSubrange(first..<end, with: CollectionOfOne(lowest..<highest))
    let added = UInt64(range.count) - known
    self.count += added
    return added
  }

  /// - Returns: How many of the range's ordinals were in the set.
  @discardableResult
  package mutating func remove(_ range: Range<UInt64>) -> UInt64 {
    guard !range.isEmpty else { return 0 }
    let first = self.index { $0.upperBound > range.lowerBound }
    let end = self.index { $0.lowerBound >= range.upperBound }
    let touched = self.ranges[first..<end]
    let removed = touched.reduce(0) { $0 + UInt64($1.clamped(to: range).count) }
    var kept: [Range<UInt64>] = []
    if let low = touched.first?.lowerBound, low < range.lowerBound {
      kept.append(low..<range.lowerBound)
    }
    if let high = touched.last?.upperBound, high > range.upperBound {
      kept.append(range.upperBound..<high)
    }
    self.ranges.replaceSubrange(first..<end, with: kept)
    self.count -= removed
    return removed
  }

  /// - Returns: How many of `other`'s ordinals were not in the set before.
  @discardableResult
  package mutating func insert(_ other: Self) -> UInt64 {
    other.ranges.reduce(0) { $0 + self.insert($1) }
  }

  /// - Returns: How many of `other`'s ordinals were in the set.
  @discardableResult
  package mutating func remove(_ other: Self) -> UInt64 {
    guard self.span.overlaps(other.span) else { return 0 }
    return other.ranges.reduce(0) { $0 + self.remove($1) }
  }

  package func subtracting(_ other: Self) -> Self {
    Self(self.ranges.flatMap { other.gaps(in: $0) })
  }

  package func intersection(_ other: Self) -> Self {
    self.subtracting(self.subtracting(other))
  }

  /// Takes the lowest ordinals out of the set: at most `countMax` of them, in at most `rangeCountMax`
  /// ranges; both at least 1.
  package mutating func takeFirst(_ countMax: UInt64, rangeCountMax: Int) -> Self {
    var taken = Self()
    for range in self.ranges.prefix(rangeCountMax) where taken.count < countMax {
      let size = min(UInt64(range.count), countMax - taken.count)
      taken.insert(range.lowerBound..<range.lowerBound + size)
    }
    self.remove(taken)
    return taken
  }

  /// Whether every ordinal of the other set is in this one; true for an empty one.
  package func contains(_ other: Self) -> Bool {
    other.ranges.allSatisfy { self.gaps(in: $0).isEmpty }
  }

  /// The parts of `range` that are not in the set, in order.
  package func gaps(in range: Range<UInt64>) -> [Range<UInt64>] {
    guard !range.isEmpty else { return [] }
    var gaps: [Range<UInt64>] = []
    var next = range.lowerBound
    for other in self.ranges[self.index { $0.upperBound > range.lowerBound }...] {
      guard other.lowerBound < range.upperBound else { break }
      if other.lowerBound > next { gaps.append(next..<other.lowerBound) }
      next = other.upperBound
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
