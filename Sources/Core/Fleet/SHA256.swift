/// SHA-256 over bytes given in pieces.
///
/// Our own, so that `muster-node` carries neither BoringSSL nor a shared library for the one hash it
/// needs. Source: FIPS 180-4, section 6.2.
package struct SHA256: Sendable {
  /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
  private static let constants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
    0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
    0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
    0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
    0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
    0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
    0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
    0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
    0xc671_78f2,
  ]
  private static let blockSize = 64

  private var hash: SIMD8<UInt32> = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
    0x5be0_cd19,
  ]
  /// The bytes since the last whole block, fewer than a block.
  private var pending: [UInt8] = []
  private var size: UInt64 = 0

  package init() {}

  /// Takes the next bytes; O(their number), whatever the size of the pieces.
  package mutating func update(_ bytes: some Sequence<UInt8>) {
    let isContiguous: Void? = bytes.withContiguousStorageIfAvailable {
      self.update(UnsafeRawBufferPointer($0))
    }
    if isContiguous == nil { Array(bytes).withUnsafeBytes { self.update($0) } }
  }

  /// Takes the next bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    self.size &+= UInt64(bytes.count)
    var rest = bytes[...]
    if !self.pending.isEmpty {
      let head = rest.prefix(Self.blockSize - self.pending.count)
      self.pending += head
      rest = rest.dropFirst(head.count)
      guard self.pending.count == Self.blockSize else { return }
      let block = self.pending
      block.withUnsafeBytes { self.compress($0) }
      self.pending.removeAll(keepingCapacity: true)
    }
    let whole = rest.count / Self.blockSize * Self.blockSize
    self.compress(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)))
    self.pending += rest.dropFirst(whole)
  }

  /// The digest of all that was given, 32 bytes.
  package consuming func finalize() -> [UInt8] {
    let bitCount = self.size &* 8
    var padding: [UInt8] = [0x80]
    while (self.pending.count + padding.count) % Self.blockSize != 56 { padding.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
      padding.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
    }
    self.update(padding)
    return self.hash.indices.flatMap { index in
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self.hash[index] >> UInt32($0)) }
    }
  }

  /// The digest of `bytes` in 64 lower-case hexadecimal digits.
  package static func hex(of bytes: some Sequence<UInt8>) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return Self.hex(digest: hash.finalize())
  }

  /// A digest in lower-case hexadecimal digits, two a byte.
  package static func hex(digest: [UInt8]) -> String {
    digest.map { $0.digits(2, radix: 16) }.joined()
  }

  /// - Parameter blocks: Whole blocks.
  private mutating func compress(_ blocks: UnsafeRawBufferPointer) {
    Self.constants.withUnsafeBufferPointer { constants in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
        for start in stride(from: 0, to: blocks.count, by: Self.blockSize) {
          Self.schedule(blocks, start, words)
          self.hash &+= Self.rounds(self.hash, words, constants)
        }
      }
    }
  }

  /// Section 6.2.2, step 1.
  private static func schedule(
    _ blocks: UnsafeRawBufferPointer, _ start: Int, _ words: UnsafeMutableBufferPointer<UInt32>
  ) {
    for i in 0..<16 {
      words[i] = blocks.loadUnaligned(fromByteOffset: start + 4 * i, as: UInt32.self).bigEndian
    }
    for i in 16..<64 {
      let (a, b) = (words[i - 15], words[i - 2])
      let s0 = Self.rotate(a, 7) ^ Self.rotate(a, 18) ^ (a &>> 3)
      let s1 = Self.rotate(b, 17) ^ Self.rotate(b, 19) ^ (b &>> 10)
      words[i] = words[i - 16] &+ s0 &+ words[i - 7] &+ s1
    }
  }

  /// Section 6.2.2, steps 2 and 3.
  private static func rounds(
    _ hash: SIMD8<UInt32>, _ words: UnsafeMutableBufferPointer<UInt32>,
    _ constants: UnsafeBufferPointer<UInt32>
  ) -> SIMD8<UInt32> {
    var (a, b, c, d) = (hash[0], hash[1], hash[2], hash[3])
    var (e, f, g, h) = (hash[4], hash[5], hash[6], hash[7])
    for i in 0..<64 {
      let s1 = Self.rotate(e, 6) ^ Self.rotate(e, 11) ^ Self.rotate(e, 25)
      let t1 = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ constants[i] &+ words[i]
      let s0 = Self.rotate(a, 2) ^ Self.rotate(a, 13) ^ Self.rotate(a, 22)
      let t2 = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
      (h, g, f, e, d, c, b, a) = (g, f, e, d &+ t1, c, b, a, t1 &+ t2)
    }
    return [a, b, c, d, e, f, g, h]
  }

  @inline(__always)
  private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word &>> count | word &<< (32 &- count)
  }
}
