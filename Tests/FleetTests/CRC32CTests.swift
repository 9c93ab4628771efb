import Fleet
import Testing

@Suite struct CRC32CTests {
  /// RFC 3720, appendix B.4.
  static let vectors: [(bytes: [UInt8], checksum: UInt32)] = [
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    ([UInt8](0...31), 0x46DD_794E),
    ((0...31).reversed().map { UInt8($0) }, 0x113F_DB5C),
    (
      [
        0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0,
        0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
      ], 0xD996_3A56
    ),
    ([], 0),
    (Array("123456789".utf8), 0xE306_9283),
  ]

  @Test(arguments: CRC32CTests.vectors)
  func `the standard's messages have its checksums`(bytes: [UInt8], checksum: UInt32) {
    #expect(CRC32C.checksum(of: bytes) == checksum)
  }

  @Test func `every length and offset agrees with a bit at a time`() {
    var random = SplitMix64(state: 2)
    let bytes = (0..<100).map { _ in UInt8.random(in: 0...255, using: &random) }
    for start in 0..<9 {
      for end in start...bytes.count {
        let part = Array(bytes[start..<end])
        #expect(CRC32C.checksum(of: part) == Self.bitwise(part))
        let raw = bytes.withUnsafeBytes {
          CRC32C.checksum(of: UnsafeRawBufferPointer(rebasing: $0[start..<end]))
        }
        #expect(raw == Self.bitwise(part))
      }
    }
  }

  private static func bitwise(_ bytes: [UInt8]) -> UInt32 {
    var value: UInt32 = ~0
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
    }
    return ~value
  }
}
