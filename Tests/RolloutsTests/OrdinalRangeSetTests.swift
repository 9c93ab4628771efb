import Fleet
import Rollouts
import Testing

@Suite struct OrdinalRangeSetTests {
  @Test(arguments: 0..<50 as Range<UInt64>)
  func `it does what a set of single ordinals does`(seed: UInt64) {
    var random = SplitMix64(state: seed)
    var ranges = OrdinalRangeSet()
    var model: Set<UInt64> = []
    for _ in 0..<120 {
      let start = UInt64.random(in: 0..<60, using: &random)
      let items = start..<start + UInt64.random(in: 0..<9, using: &random)
      if Bool.random(using: &random) {
        let added = UInt64(items.count { !model.contains($0) })
        #expect(ranges.insert(items) == added)
        model.formUnion(items)
      } else {
        let removed = UInt64(items.count { model.contains($0) })
        #expect(ranges.remove(items) == removed)
        model.subtract(items)
      }
      #expect(ranges.count == UInt64(model.count))
      #expect(ranges.ranges.flatMap { Array($0) } == model.sorted())
      #expect(
        zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy {
          $0.upperBound < $1.lowerBound
        })
      #expect(
        ranges.gaps(in: 5..<50).flatMap { Array($0) } == (5..<50).filter { !model.contains($0) })
      #expect(ranges.contains([items]) == model.isSuperset(of: items))
      #expect(OrdinalRangeSet(bounds: ranges.bounds) == ranges)
    }
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func `two of them do what two sets of single ordinals do`(seed: UInt64) {
    var random = SplitMix64(state: seed)
    for _ in 0..<60 {
      func draw() -> Set<UInt64> {
        Set(
          (0..<Int.random(in: 0..<30, using: &random)).map { _ in
            UInt64.random(in: 0..<50, using: &random)
          })
      }
      func ranges(_ model: Set<UInt64>) -> OrdinalRangeSet {
        OrdinalRangeSet(model.sorted().map { $0..<$0 + 1 })
      }
      let (one, other) = (draw(), draw())
      #expect(ranges(one).subtracting(ranges(other)) == ranges(one.subtracting(other)))
      #expect(ranges(one).intersection(ranges(other)) == ranges(one.intersection(other)))
      #expect(ranges(one).contains(ranges(other)) == one.isSuperset(of: other))
      #expect(Array(ranges(one).ordinals) == one.sorted())
      var (united, reduced, left) = (ranges(one), ranges(one), ranges(one))
      #expect(united.insert(ranges(other)) == UInt64(other.subtracting(one).count))
      #expect(united == ranges(one.union(other)))
      #expect(reduced.remove(ranges(other)) == UInt64(one.intersection(other).count))
      #expect(reduced == ranges(one.subtracting(other)))
      let taken = left.takeFirst(7, rangeCountMax: 3)
      #expect(taken.count <= 7 && taken.ranges.count <= 3)
      #expect(taken.count == 7 || taken.ranges.count == 3 || left.isEmpty)
      #expect(Array(taken.ordinals) + Array(left.ordinals) == one.sorted())
    }
  }

  @Test func `bounds that are no set are refused`() {
    for bounds in [[1], [1, 1], [2, 1], [0, 2, 2, 3], [0, 2, 1, 3], [0, 2, 5]] as [[UInt64]] {
      #expect(OrdinalRangeSet(bounds: bounds) == nil, "\(bounds)")
    }
    #expect(OrdinalRangeSet(bounds: []) == [])
    #expect(OrdinalRangeSet(bounds: [0, 2, 5, 6]) == [0..<2, 5..<6])
  }
}
