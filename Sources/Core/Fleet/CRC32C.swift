/// CRC-32C (Castagnoli), eight bytes at a time.
///
/// Source: RFC 3720, appendix B.4, for the polynomial; Kounavis and Berry, "Novel Table Lookup-Based
/// Algorithms for High-Performance CRC Generation", IEEE Trans. Computers 2008, for the tables.
package enum CRC32C {
  /// 0x1EDC6F41 with its bits reversed.
  private static let polynomial: UInt32 = 0x82F6_3B78

  /// Eight tables of 256 entries, one after the other.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ Self.polynomial : value >> 1 }
      tables[byte] = value
    }
    for index in 256..<2048 {
      let previous = tables[index - 256]
      tables[index] = previous >> 8 ^ tables[Int(previous & 255)]
    }
    return tables
  }()

  package static func checksum(of bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { Self.checksum(of: $0) }
  }

  package static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    Self.tables.withUnsafeBufferPointer { tables in
      var value: UInt32 = ~0
      var index = 0
      while bytes.count - index >= 8 {
        let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian
        let low = UInt32(truncatingIfNeeded: word) ^ value
        let high = UInt32(truncatingIfNeeded: word >> 32)
        value =
          tables[1792 + Int(low & 255)] ^ tables[1536 + Int(low >> 8 & 255)]
          ^ tables[1280 + Int(low >> 16 & 255)] ^ tables[1024 + Int(low >> 24)]
          ^ tables[768 + Int(high & 255)] ^ tables[512 + Int(high >> 8 & 255)]
          ^ tables[256 + Int(high >> 16 & 255)] ^ tables[Int(high >> 24)]
        index += 8
      }
      for byte in bytes[index...] {
        value = value >> 8 ^ tables[Int((value ^ UInt32(byte)) & 255)]
      }
      return ~value
    }
  }
}

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
