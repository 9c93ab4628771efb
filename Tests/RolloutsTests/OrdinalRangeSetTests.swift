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
      #expect(ranges.contains(items) == model.isSuperset(of: items))
    }
  }
}
