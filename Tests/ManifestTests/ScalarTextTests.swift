import Fleet
import Manifest
import Testing

/// What templates and people make of numbers and truth values.
@Suite struct ScalarTextTests {
  private func read(_ line: String) -> (Manifest?, [Diagnostic]) {
    ManifestReader.read("muster: 1\nnodes: n1\n\(line)\n", file: "m.yaml")
  }

  @Test(arguments: [
    "8123", "\"8123\"", "'8123'", "+8123",
  ])
  func `a number may have quotation marks`(text: String) throws {
    let (manifest, faults) = self.read("ssh: {port: \(text)}\nwork: {seed: \(text)}")
    #expect(faults.map { $0.rendered() } == [])
    var ssh = SSHSpecification()
    (ssh.host, ssh.port) = ("n1", 8123)
    #expect(manifest?.nodes.map(\.link) == [.ssh(ssh)])
  }

  @Test func `the version may have quotation marks`() {
    #expect(ManifestReader.read("muster: \"1\"\nnodes: n1\n", file: "m.yaml").1.isEmpty)
    #expect(ManifestReader.read("muster: '1'\nnodes: n1\n", file: "m.yaml").1.isEmpty)
    let (_, faults) = ManifestReader.read("muster: \"2\"\nnodes: n1\n", file: "m.yaml")
    #expect(faults.map(\.code) == ["unknown-version"])
  }

  @Test(
    arguments: [
      ("1_000", "write `1000`"), ("\"1,000\"", "write `1000`"), ("1e3", "write `1000`"),
      ("1000.0", "write `1000`"), ("0x3E8", "write `1000`"), ("0b11", "write `3`"),
      ("010", "write `10`, or `8` if it is octal: a zero before it can be read in two ways"),
      ("089", "write `89`: a zero before it can be read in two ways"), ("0o17", "write `15`"),
      ("8k", "write `8000` or `8192`"), ("\" 80 \"", "write `80`, without blanks"),
      ("\"1, 2,4\"", "write one number, or `[1, 2, 4]` where a list can stand"),
      ("many", nil), ("\"\"", nil), ("1.5", nil), ("0x", nil),
    ] as [(String, String?)])
  func `a number that can be read in two ways is told with what to write`(
    text: String, hint: String?
  ) {
    let (manifest, faults) = self.read("work: {seed: \(text)}")
    #expect(manifest == nil)
    #expect(faults.map(\.code) == ["wrong-type"])
    #expect(faults.first?.hints == [hint].compactMap(\.self))
    #expect(faults.first?.location == SourceLocation(file: "m.yaml", line: 3, column: 14))
  }

  @Test func `a number in quotation marks keeps to its range`() {
    #expect(self.read("ssh: {port: \"70000\"}").1.map(\.code) == ["out-of-range"])
    #expect(self.read("ssh: {port: \"99999999999999999999\"}").1.map(\.code) == ["wrong-type"])
  }
}
