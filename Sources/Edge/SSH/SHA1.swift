/// SHA-1, for one thing alone: known_hosts hashes names with it.
///
/// Source: FIPS 180-4, section 6.1; HMAC: RFC 2104. Not for anything that must resist collisions.
enum SHA1 {
  private static let blockSize = 64

  /// - Returns: 20 bytes.
  static func digest(of message: [UInt8]) -> [UInt8] {
    var hash: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
    var padded = message + [0x80]
    while padded.count % Self.blockSize != 56 { padded.append(0) }
    let bitCount = UInt64(message.count) * 8
    for shift in stride(from: 56, through: 0, by: -8) {
      padded.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
    }
    for start in stride(from: 0, to: padded.count, by: Self.blockSize) {
      Self.compress(padded[start..<start + Self.blockSize], &hash)
    }
    return hash.flatMap { word in
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }
  }

  /// HMAC-SHA1.
  ///
  /// - Returns: 20 bytes.
  static func authenticationCode(of message: [UInt8], key: [UInt8]) -> [UInt8] {
    var block = key.count > Self.blockSize ? Self.digest(of: key) : key
    block += [UInt8](repeating: 0, count: Self.blockSize - block.count)
    let inner = Self.digest(of: block.map { $0 ^ 0x36 } + message)
    return Self.digest(of: block.map { $0 ^ 0x5c } + inner)
  }

  private static func compress(_ block: ArraySlice<UInt8>, _ hash: inout [UInt32]) {
    var words: [UInt32] = []
    words.reserveCapacity(80)
    for start in stride(from: block.startIndex, to: block.endIndex, by: 4) {
      words.append(block[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
    }
    for i in 16..<80 {
      words.append(Self.rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1))
    }
    var (a, b, c, d, e) = (hash[0], hash[1], hash[2], hash[3], hash[4])
    for i in 0..<80 {
      let (f, k): (UInt32, UInt32) =
        switch i {
        case 0..<20: ((b & c) | (~b & d), 0x5a82_7999)
        case 20..<40: (b ^ c ^ d, 0x6ed9_eba1)
        case 40..<60: ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc)
        default: (b ^ c ^ d, 0xca62_c1d6)
        }
      let next = Self.rotate(a, 5) &+ f &+ e &+ k &+ words[i]
      (e, d, c, b, a) = (d, c, Self.rotate(b, 30), a, next)
    }
    for (i, word) in [a, b, c, d, e].enumerated() { hash[i] &+= word }
  }

  private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word << count | word >> (32 - count)
  }
}
