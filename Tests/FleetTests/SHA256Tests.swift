import Fleet
import Testing

/// Vectors: NIST, "SHA-256" example values and the Secure Hash Standard's message digests.
@Suite struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
        + "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func `the standard's messages have its digests`(message: String, digest: String) {
    #expect(SHA256.hex(of: message.utf8) == digest)
  }

  @Test func `a million letters have the standard's digest`() {
    #expect(
      SHA256.hex(of: [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func `the digest does not depend on how the bytes are cut`() {
    var random = SplitMix64(state: 1)
    for count in Array(0...130) + [1000, 4096] {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let whole = SHA256.hex(of: bytes)
      var pieces = SHA256()
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 0...150, using: &random))
        pieces.update(piece)
        rest = rest.dropFirst(piece.count)
      }
      #expect(SHA256.hex(digest: pieces.finalize()) == whole)
      // A sequence without contiguous storage.
      #expect(SHA256.hex(of: bytes.lazy.map { $0 }) == whole)
      var raw = SHA256()
      bytes.withUnsafeBytes { raw.update($0) }
      #expect(SHA256.hex(digest: raw.finalize()) == whole)
    }
  }

  @Test func `a copy goes its own way`() {
    var first = SHA256()
    first.update("ab".utf8)
    var second = first
    first.update("c".utf8)
    second.update("d".utf8)
    #expect(SHA256.hex(digest: first.finalize()) == SHA256.hex(of: "abc".utf8))
    #expect(SHA256.hex(digest: second.finalize()) == SHA256.hex(of: "abd".utf8))
  }
}
