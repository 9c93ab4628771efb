import Fleet
import Manifest
import Testing

/// Texts as editors, Windows, web pages and `cat` leave them.
@Suite struct WrittenTextTests {
  private static let head = "muster: 1\nname: c\n"

  private func faults(_ rest: String) -> [Diagnostic] {
    ManifestReader.read(Self.head + rest, file: "m.yaml").1
  }

  @Test(arguments: [
    ("nodes:\n\t- hosts: gpu01\n", "4:1"),
    ("nodes:\n  \t- hosts: gpu01\n", "4:3"),
    ("nodes:\n  -\thosts: gpu01\n    labels: {a: b}\n", "4:4"),
    ("nodes: n1\nservices:\n  a:\n    recipe: command\n\trun: sleep 5\n", "7:1"),
    ("nodes: n1\nservices:\n\ta:\n\t\trecipe: command\n", "5:1"),
    ("nodes: n1\nenv:\n  A: 1\n\t  B: 2\n", "6:1"),
    ("nodes: n1\nservices:\n  a:\n    recipe: command\n    run: |\n\tx\n", "8:1"),
    ("nodes: n1\n\t# a comment\nenv: {A: 1}\n", "4:1"),
  ])
  func `a tab where blanks belong is told with its place`(text: String, place: String) {
    let faults = self.faults(text)
    #expect(faults.map(\.summary) == ["a tab stands where YAML takes blanks alone"])
    #expect(faults.map { $0.location?.description } == ["m.yaml:\(place)"])
    #expect(faults.first?.hints == ["write blanks: `expand -t 2` makes blanks of tabs"])
  }

  @Test(arguments: [
    "nodes:\tn1\n", "nodes: n1\t# a comment\n", "nodes: [n1,\tn2]\n",
    "env: {A: 1,\n\tB: 2}\nnodes: n1\n",
    "nodes: n1\nservices:\n  a:\n    recipe: command\n    run: |\n      x\n      \ty\n",
  ])
  func `tabs elsewhere are taken`(text: String) {
    #expect(self.faults(text).map { $0.rendered() } == [])
  }

  @Test func `the hint about at signs is given where one stands, also below a tab`() {
    let faults = self.faults(
      "nodes: n1\nservices:\n  a:\n    recipe:\tcommand\n    run: x\n    on: @all\n")
    #expect(faults.map { $0.location?.description } == ["m.yaml:8:9"])
    #expect(
      faults.first?.hints == ["a text that begins with `@` or `%` needs quotes: `on: \"@judges\"`"])
    #expect(self.faults("nodes: n1\nenv: {A: `x`}\n").first?.hints == [])
  }

  @Test func `byte order marks and carriage returns are no part of a manifest`() {
    for text in [
      "\u{FEFF}muster: 1\r\nnodes: n1\r\n", "muster: 1\n\u{FEFF}nodes: n1\n",
      "muster: 1\rnodes: n1\r",
    ] {
      let (manifest, faults) = ManifestReader.read(text, file: "m.yaml")
      #expect(faults.map { $0.rendered() } == [])
      #expect(manifest?.nodes.map(\.name.rawValue) == ["n1"])
    }
    let (manifest, faults) = ManifestReader.read("muster: 1\ninclude: n\n", file: "m.yaml") { _ in
      "\u{FEFF}muster: 1\nnodes: n1\n"
    }
    #expect(faults.isEmpty && manifest?.nodes.count == 1)
  }

  @Test func `texts in UTF-16 are read, and others are not taken for one`() {
    let text = "muster: 1\nname: \u{1F600}\n"
    for isLittle in [true, false] {
      let bytes = ("\u{FEFF}" + text).utf16.flatMap { unit -> [UInt8] in
        let pair = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
        return isLittle ? pair.reversed() : pair
      }
      #expect(WrittenText.decode(bytes) == text)
    }
    #expect(WrittenText.decode(Array(text.utf8)) == text)
    #expect(WrittenText.decode([0xFF]) == "\u{FFFD}")
    // One that was cut at the limit stays one that is refused.
    let cut = [0xFF, 0xFE] + [UInt8](repeating: 0x20, count: ManifestYAML.maximumSize)
    #expect(WrittenText.decode(cut).utf8.count > ManifestYAML.maximumSize)
  }

  @Test(arguments: [
    ("env: {A: \"b\u{FFFD}\"}", "manifest has bytes that are no UTF-8", "3:12"),
    ("env: {A: b\u{0}}", "manifest has a zero byte", "3:11"),
    (
      "env: {A: b\u{200B}}", "manifest has U+200B (ZERO WIDTH SPACE), which nobody sees", "3:11"
    ),
    ("name:\u{A0}x", "U+00A0 (NO-BREAK SPACE) stands where YAML takes blanks alone", "3:6"),
  ])
  func `what cannot be read or seen is told`(line: String, summary: String, place: String) {
    let (_, faults) = ManifestReader.read("muster: 1\nnodes: n1\n\(line)\n", file: "m.yaml")
    #expect(faults.map(\.summary) == [summary])
    #expect(faults.map { $0.location?.description } == ["m.yaml:\(place)"])
  }

  @Test func `a comment may have any of it, and a value what it writes out`() {
    #expect(self.faults("# M\u{FFFD}ller\u{200B}\nnodes: n1\nenv: {A: \"\\u200B\"}\n").isEmpty)
  }

  @Test func `a fault says which character of the text cannot be seen`() {
    #expect(
      self.faults("nodes: n1\n\u{A0}\u{A0}env: {A: 1}\n").map(\.causes) == [
        ["U+00A0 (NO-BREAK SPACE) is in it, which looks like a blank or like nothing"]
      ])
    let told = "U+2009 (THIN SPACE) is in it, which looks like a blank or like nothing"
    #expect(self.faults("nodes: n1\nnam\u{2009}e: x\n").map(\.causes) == [[told]])
    let (_, faults) = HostFile.read("gpu01\u{2060}\n", file: "hosts")
    #expect(
      faults.map(\.causes) == [
        ["U+2060 (WORD JOINER) is in it, which looks like a blank or like nothing"]
      ])
  }
}
