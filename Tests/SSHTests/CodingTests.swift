import Foundation
import Testing

@testable import SSH

struct CodingTests {
  /// FIPS 180-2, appendix A, and RFC 2202, section 3.
  @Test func `SHA-1 and its HMAC give the published vectors`() {
    func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }
    #expect(hex(SHA1.digest(of: Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(hex(SHA1.digest(of: [])) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    #expect(
      hex(SHA1.digest(of: [UInt8](repeating: 0x61, count: 1_000)))
        == "291e9a6c66994949b57ba5e650361e98fc36b1ba")
    #expect(
      hex(
        SHA1.authenticationCode(
          of: Array("Hi There".utf8), key: [UInt8](repeating: 0x0b, count: 20)))
        == "b617318655057264e28bc0b6fb378c8ef146be00")
    #expect(
      hex(
        SHA1.authenticationCode(
          of: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
          key: [UInt8](repeating: 0xaa, count: 80))) == "aa4ae5e15272d00e95705637ce8a3b55ed402112")
  }

  @Test func `Base64 agrees with Foundation for every length`() {
    for count in 0..<100 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ count) }
      let text = Data(bytes).base64EncodedString()
      #expect(Base64.encode(bytes) == text)
      #expect(Base64.decode(Array(text.utf8)) == bytes)
    }
    for text in ["A", "AA", "AAA", "====", "AA=A", "AAA!", "A===", "AAAA="] {
      #expect(Base64.decode(Array(text.utf8)) == nil, "\(text)")
    }
  }
}
