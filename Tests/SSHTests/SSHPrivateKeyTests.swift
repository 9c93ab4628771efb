import Foundation
import Testing

@testable import SSH

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
