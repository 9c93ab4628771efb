import Foundation
import NIOCore
import NIOEmbedded
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

struct SSHPrivateKeyTests {
  private func key(_ options: [String], version: String = "1.10.0") throws -> SSHPrivateKey {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { for end in ["", ".pub"] { try? FileManager.default.removeItem(atPath: path + end) } }
    try TestKeys.run("ssh-keygen", ["-q", "-f", path] + options)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try SSHPrivateKey(file: path, text: text, libraryVersion: version)
  }

  @Test func `kinds are told from their files`() throws {
    #expect(try self.key(["-t", "ed25519", "-N", ""]).algorithm == "ssh-ed25519")
    #expect(try self.key(["-t", "ecdsa", "-N", ""]).algorithm == "ecdsa-sha2-nistp256")
    #expect(
      try self.key(["-t", "rsa", "-b", "2048", "-N", ""], version: "1.11.0").algorithm == "ssh-rsa")
  }

  @Test(arguments: [[], ["-m", "PEM"], ["-m", "PKCS8"]])
  func `an RSA key on libssh2 1_10 has a fault of its own`(form: [String]) {
    #expect(throws: SSHPrivateKey.Fault.rsaNeedsSHA2(libraryVersion: "1.10.0")) {
      try self.key(["-t", "rsa", "-b", "2048", "-N", ""] + form)
    }
  }

  @Test func `in PKCS 8 RSA alone is told from the rest`() throws {
    #expect(try self.key(["-t", "ecdsa", "-N", "", "-m", "PKCS8"]).algorithm == nil)
    let rsa = ["-t", "rsa", "-b", "2048", "-N", "", "-m", "PKCS8"]
    #expect(try self.key(rsa, version: "1.11.0").algorithm == "ssh-rsa")
    for body in ["", "MA==", "MIIB", "MIIBVQIB", "MIIBVQIBADANBgkqhkiG9w0BAQ=="] {
      let text = "-----BEGIN PRIVATE KEY-----\n\(body)\n-----END PRIVATE KEY-----\n"
      #expect(try SSHPrivateKey(file: "f", text: text, libraryVersion: "1.10.0").algorithm == nil)
    }
  }

  @Test(arguments: [
    ["-t", "ed25519"], ["-t", "rsa", "-b", "2048", "-m", "PEM"], ["-t", "ecdsa", "-m", "PKCS8"],
  ])
  func `a key with a passphrase has a fault of its own`(kind: [String]) {
    #expect(throws: SSHPrivateKey.Fault.encrypted) { try self.key(kind + ["-N", "secret"]) }
  }

  @Test(arguments: [
    "", "hello", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END",
  ])
  func `what is no key is said to be none`(text: String) {
    #expect(throws: SSHPrivateKey.Fault.notAPrivateKey) {
      try SSHPrivateKey(file: "f", text: text, libraryVersion: "1.10.0")
    }
  }
}

struct PendingWritesTests {
  private let loop = EmbeddedEventLoop()

  @Test func `promises complete in order as their bytes are taken`() {
    var writes = PendingWrites()
    var settled: [Int] = []
    for index in 0..<3 {
      let promise = self.loop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenSuccess { settled.append(index) }
      writes.append(ByteBuffer(bytes: [1, 2, 3, 4]), promise: promise)
    }
    writes.bytes.moveReaderIndex(forwardBy: 3)
    #expect(writes.takeSentPromise(on: self.loop) == nil)
    writes.bytes.moveReaderIndex(forwardBy: 5)
    writes.takeSentPromise(on: self.loop)?.succeed()
    #expect(settled == [0, 1])
    writes.bytes.moveReaderIndex(forwardBy: 4)
    writes.takeSentPromise(on: self.loop)?.succeed()
    #expect(settled == [0, 1, 2])
    #expect(writes.isEmpty)
  }

  @Test func `the end completes when it has been sent, not when the bytes have`() {
    var writes = PendingWrites()
    var isEnded = false
    let promise = self.loop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenSuccess { isEnded = true }
    writes.append(ByteBuffer(bytes: [1]), promise: nil)
    writes.appendEnd(promise: promise)
    writes.bytes.moveReaderIndex(forwardBy: 1)
    writes.takeSentPromise(on: self.loop)?.succeed()
    #expect(!isEnded)
    #expect(!writes.isEmpty)
    writes.endSent()
    writes.takeSentPromise(on: self.loop)?.succeed()
    #expect(isEnded)
    #expect(writes.isEmpty && writes.isEnded)
  }

  @Test func `a failure settles everything that waits`() {
    var writes = PendingWrites()
    var failures = 0
    for isEnd in [false, true] {
      let promise = self.loop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenFailure { _ in failures += 1 }
      if isEnd {
        writes.appendEnd(promise: promise)
      } else {
        writes.append(ByteBuffer(bytes: [1]), promise: promise)
      }
    }
    writes.fail(ChannelError.eof)
    #expect(failures == 2)
    #expect(writes.isEmpty)
  }
}
