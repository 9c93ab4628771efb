/// A hash of 64 bits that is the same on every machine. Not for keys that an attacker chooses.
///
/// Source: Fowler, Noll and Vo, "The FNV Non-Cryptographic Hash Algorithm", FNV-1a.
package struct FNV1a: Equatable, Sendable {
  package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  package init() {}

  /// Joins bytes to those before.
  package mutating func join(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { self.value = (self.value ^ UInt64(byte)) &* 0x100_0000_01B3 }
  }
}
