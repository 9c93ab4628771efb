/// SplitMix64 (Steele, Lea and Flood, 2014): the same seed gives the same answers on every host.
struct SeededDraw: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func hex16() -> String {
    let digits = String(next(), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  static let hashStart: UInt64 = 0xCBF2_9CE4_8422_2325

  /// FNV-1a of the bytes, continued from `hash`.
  static func hash(_ bytes: some Collection<UInt8>, from hash: UInt64 = hashStart) -> UInt64 {
    bytes.reduce(hash) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
