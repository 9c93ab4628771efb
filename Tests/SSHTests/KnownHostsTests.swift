import Foundation
import Testing

@testable import SSH

struct KnownHostsTests {
  /// Keys of 32 bytes of one value each.
  private static func key(_ value: UInt8, _ algorithm: String = "ssh-ed25519") -> SSHHostKey {
    func field(_ bytes: [UInt8]) -> [UInt8] { [0, 0, 0, UInt8(bytes.count)] + bytes }
    let blob = field(Array(algorithm.utf8)) + field([UInt8](repeating: value, count: 32))
    guard let key = SSHHostKey(blob: blob) else { fatalError("a key of the test") }
    return key
  }

  private static func line(_ names: String, _ key: SSHHostKey) -> String {
    "\(names) \(key.algorithm) \(Base64.encode(key.blob))"
  }

  private static func hosts(_ lines: [String]) -> KnownHosts {
    var hosts = KnownHosts()
    hosts.append(Array(lines.joined(separator: "\n").utf8), file: "kh")
    return hosts
  }

  @Test(
    arguments: [
      ("gpu01", "gpu01", 22, true), ("gpu01", "GPU01", 22, true), ("gpu01", "gpu011", 22, false),
      ("gpu*", "gpu01", 22, true), ("gpu0?", "gpu01", 22, true), ("gpu0?", "gpu0", 22, false),
      ("*,!gpu02", "gpu02", 22, false), ("!gpu02,*", "gpu02", 22, false),
      ("*,!gpu02", "gpu03", 22, true), ("a,b,c", "b", 22, true), ("gpu01", "gpu01", 2222, false),
      ("[gpu01]:2222", "gpu01", 2222, true), ("[gpu01]:2222", "gpu01", 22, false),
      ("[*]:2222", "gpu01", 2222, true), ("*a*b*c", "xaybzc", 22, true),
      ("*a*b*c", "xaybzcd", 22, false), ("10.77.0.*", "10.77.0.11", 22, true),
      ("!gpu01", "x", 22, false),
    ] as [(String, String, Int, Bool)])
  func `names match as sshd(8) says`(names: String, host: String, port: Int, isKnown: Bool) {
    let hosts = Self.hosts([Self.line(names, Self.key(1))])
    let expected: KnownHostKeys.Verdict = isKnown ? .trusted : .unknown
    #expect(hosts.keys(host: host, port: port).verdict(on: Self.key(1)) == expected)
  }

  @Test func `names hashed by ssh-keygen are found`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("kh").path
    let lines = [Self.line("gpu01", Self.key(1)), Self.line("[gpu02]:2222", Self.key(2))]
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: file, atomically: true, encoding: .utf8)
    try TestKeys.run("ssh-keygen", ["-H", "-f", file])
    let hashed = try String(contentsOfFile: file, encoding: .utf8)
    try #require(hashed.contains("|1|") && !hashed.contains("gpu"))
    let hosts = Self.hosts(hashed.split(separator: "\n").map(String.init))
    #expect(hosts.warnings.isEmpty)
    #expect(hosts.keys(host: "gpu01", port: 22).verdict(on: Self.key(1)) == .trusted)
    #expect(hosts.keys(host: "GPU02", port: 2222).verdict(on: Self.key(2)) == .trusted)
    #expect(hosts.keys(host: "gpu03", port: 22).verdict(on: Self.key(1)) == .unknown)
  }

  @Test func `revocation wins wherever its line stands`() {
    let trusted = Self.line("gpu01", Self.key(1))
    let revoked = "@revoked " + Self.line("*", Self.key(1))
    for lines in [[trusted, revoked], [revoked, trusted]] {
      let keys = Self.hosts(lines).keys(host: "gpu01", port: 22)
      guard case .revoked = keys.verdict(on: Self.key(1)) else {
        Issue.record("\(keys.verdict(on: Self.key(1)))")
        return
      }
    }
  }

  @Test func `a key of an authority is not the key of a host`() {
    let keys = Self.hosts(["@cert-authority " + Self.line("*", Self.key(1))])
      .keys(host: "gpu01", port: 22)
    #expect(keys.verdict(on: Self.key(1)) == .unknown)
    #expect(keys.certificateAuthorities.count == 1)
  }

  @Test func `another key of the same kind is a change, of another kind it is not`() {
    let keys = Self.hosts(["", "# comment", Self.line("gpu01", Self.key(1))])
      .keys(host: "gpu01", port: 22)
    guard case .changed(let known) = keys.verdict(on: Self.key(2)) else {
      Issue.record("\(keys.verdict(on: Self.key(2)))")
      return
    }
    #expect(known.place == KnownHosts.Place(file: "kh", line: 3))
    #expect(keys.verdict(on: Self.key(2, "ecdsa-sha2-nistp256")) == .otherKind(keys.trusted))
  }

  @Test func `one bad line costs itself alone`() {
    let lines = [
      "gpu01", "gpu01 ssh-ed25519", "gpu01 ssh-ed25519 %%%%", "@wrong gpu01 ssh-ed25519 AAAA",
      "|1|x|y ssh-ed25519 AAAA", "gpu01 ssh-rsa \(Base64.encode(Self.key(1).blob))",
      String(repeating: "x", count: 20_000), Self.line("gpu01", Self.key(7)) + " a comment\r",
    ]
    let hosts = Self.hosts(lines)
    #expect(hosts.warnings.map(\.place.line) == Array(1...7))
    #expect(hosts.keys(host: "gpu01", port: 22).verdict(on: Self.key(7)) == .trusted)
  }

  @Test func `the kinds asked for are the kinds known`() {
    let hosts = Self.hosts([
      Self.line("a", Self.key(1, "ecdsa-sha2-nistp256")), Self.line("a", Self.key(1)),
      Self.line("b", Self.key(1, "ssh-rsa")),
    ])
    let a = hosts.keys(host: "a", port: 22)
    #expect(a.algorithms(libraryVersion: "1.10.0") == ["ssh-ed25519", "ecdsa-sha2-nistp256"])
    let b = hosts.keys(host: "b", port: 22)
    #expect(b.algorithms(libraryVersion: "1.11.1") == ["rsa-sha2-512", "rsa-sha2-256"])
    // 1.10 cannot check the one that is known: any kind is asked for, and none is believed.
    #expect(b.algorithms(libraryVersion: "1.10.0").first == "ssh-ed25519")
    #expect(b.verdict(on: Self.key(1)) == .otherKind(b.trusted))
  }

  @Test func `bytes of any kind are read without a trap`() {
    var state: UInt64 = 1
    for _ in 0..<2_000 {
      let bytes = (0..<80).map { _ -> UInt8 in
        state = state &* 6_364_136_223_846_793_005 &+ 1
        let alphabet = Array("|1=@!*?,[]: \n\tAabZ+/#\u{0}".utf8) + [0xff]
        return alphabet[Int(state >> 33) % alphabet.count]
      }
      var hosts = KnownHosts()
      hosts.append(bytes, file: "kh")
      #expect(hosts.entries.count <= 80)
    }
  }
}
