import Fleet

/// What simulator.md §1 draws from a generator.
extension SplitMix64 {
  /// In [0, 1), a multiple of 2^-53.
  mutating func uniform() -> Double {
    Double(self.next() >> 11) * 0x1p-53
  }

  /// In `low...high`, both included; `high - low` is below 2^31.
  mutating func int(_ low: Int, _ high: Int) -> Int {
    let spread = UInt64(truncatingIfNeeded: high &- low &+ 1)
    return low &+ Int(truncatingIfNeeded: ((self.next() >> 32) &* spread) >> 32)
  }

  /// In 0...999, for thresholds in thousandths.
  mutating func permille() -> Int {
    self.int(0, 999)
  }
}
