import Fleet

/// What simulator.md §1 draws from a generator.
extension SplitMix64 {
  /// The same as `next()`, which the compiler does not inline from another module: a fifth of an
  /// episode's time.
  @inline(__always)
  mutating func draw() -> UInt64 {
    self.state &+= 0x9E37_79B9_7F4A_7C15
    var z = self.state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In [0, 1), a multiple of 2^-53.
  @inline(__always)
  mutating func uniform() -> Double {
    Double(self.draw() >> 11) * 0x1p-53
  }

  /// In `low...high`, both included; `high - low` is below 2^31.
  @inline(__always)
  mutating func int(_ low: Int, _ high: Int) -> Int {
    let spread = UInt64(truncatingIfNeeded: high &- low &+ 1)
    return low &+ Int(truncatingIfNeeded: ((self.draw() >> 32) &* spread) >> 32)
  }

  /// In 0...999, for thresholds in thousandths.
  @inline(__always)
  mutating func permille() -> Int {
    self.int(0, 999)
  }
}
