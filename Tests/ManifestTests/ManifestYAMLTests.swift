import Fleet
import Manifest
import Testing

@Suite struct ManifestYAMLTests {
  private func codes(_ text: String) -> [String] {
    ManifestReader.read(text, file: "m.yaml").1.map(\.code)
  }

  @Test func `broken YAML is told with its place`() {
    let (_, faults) = ManifestReader.read("muster: 1\nnodes: [a\n", file: "m.yaml")
    #expect(faults.map(\.code) == ["yaml-syntax"])
    #expect(faults.first?.location?.file == "m.yaml")
    let (_, group) = ManifestReader.read("muster: 1\nnodes: @all\n", file: "m.yaml")
    #expect(group.first?.location == SourceLocation(file: "m.yaml", line: 2, column: 8))
    #expect(
      group.first?.hints == [
        "a text that begins with `@` or `%` needs quotes: `on: \"@judges\"`"
      ])
  }

  @Test func `an empty file and one of another kind are told`() {
    #expect(self.codes("") == ["empty-manifest"])
    #expect(self.codes("- a\n- b\n") == ["wrong-type"])
    #expect(self.codes("a: 1\n--- \nb: 2\n") == ["yaml-syntax"])
    #expect(self.codes("? [a]\n: 1\n") == ["wrong-key"])
  }

  @Test func `a file over the size is refused unread`() {
    // Whoever reads it stops there: how large it is, nobody knows.
    let text = String(repeating: "#", count: ManifestYAML.maximumSize + 1)
    let (_, faults) = ManifestReader.read(text, file: "m.yaml")
    #expect(faults.map(\.code) == ["manifest-too-large"])
    #expect(faults.map(\.summary) == ["manifest has more than 1048576 bytes"])
  }

  @Test func `a merge key is refused, and its name in quotation marks is a name`() {
    let (_, faults) = ManifestReader.read(
      "muster: 1\nnodes: n1\nenv: &a {A: 1}\nwork:\n  <<: *a\n", file: "m.yaml")
    #expect(faults.map(\.code) == ["merge-key"])
    #expect(faults.first?.location?.line == 5)
    #expect(self.codes("muster: 1\nnodes: [{hosts: n1, labels: {'<<': a}}]") == [])
  }

  @Test func `a tag says what a value is, whatever its quotation marks`() {
    #expect(self.codes("muster: !!int \"1\"\nnodes: !!str n1\nname: !!str 5") == [])
    #expect(self.codes("muster: !!str 1\nnodes: n1") == self.codes("muster: \"1\"\nnodes: n1"))
  }

  @Test func `aliases that multiply are refused`() {
    var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for (name, before) in zip("bcdefghi", "abcdefgh") {
      text +=
        "\(name): &\(name) [\(Array(repeating: "*\(before)", count: 9).joined(separator: ","))]\n"
    }
    #expect(self.codes(text) == ["too-many-aliases"])
  }

  @Test func `few aliases work`() {
    let (manifest, faults) = ManifestReader.read(
      """
      muster: 1
      nodes: n1
      services:
        a: {recipe: command, env: &shared {A: 1}}
        b: {recipe: command, env: *shared}
      """, file: "m.yaml")
    #expect(faults.isEmpty)
    #expect(manifest?.services.map { $0.environment.map(\.value) } == [["1"], ["1"]])
  }

  @Test(arguments: ["[", "{a: ", "- ", "? ", "[{"])
  func `deep nesting is refused`(opening: String) {
    #expect(!self.codes(String(repeating: opening, count: 100_000)).isEmpty)
    let levels = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
    #expect(self.codes("a: \(levels)") == ["manifest-too-deep"])
  }

  @Test func `damaged manifests end in a manifest or in faults`() {
    let whole = Array(
      """
      muster: 1
      ssh: {user: me, port: 22, known_hosts: [a, b]}
      nodes:
        - {hosts: "n[1-4]", labels: {gpus: 8}, address: "{node}.lan"}
        - {hosts: head, link: {command: [ssh, head]}}
      groups: {all: "n[1-4],head", half: "@all!n[3-4]"}
      env: {A: "x"}
      services:
        a: {recipe: vllm, on: "@half", model: m, cudagraph_capture_sizes: [1, 2]}
        b: {recipe: command, run: sleep 1, after: [a]}
      work: {num_examples: -1, on: "@all"}
      """.utf8)
    var random = SplitMix64(state: 1)
    for _ in 0..<2000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: index)
        case 2:
          bytes.insert(
            Array("[]{}:,-*&!|>'\"#@\n \t%?".utf8).randomElement(using: &random) ?? 0,
            at: index)
        default: bytes.removeSubrange(index..<min(bytes.count, index + 20))
        }
      }
      let (manifest, faults) = ManifestReader.read(
        String(decoding: bytes, as: UTF8.self), file: "m.yaml")
      #expect((manifest == nil) == faults.contains { $0.severity == .error })
    }
  }
}
