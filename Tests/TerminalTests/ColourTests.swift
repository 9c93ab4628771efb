import Fleet
import Terminal
import Testing

@Suite struct ColourTests {
  @Test(
    arguments: [
      ([:], true, Palette.colour),
      ([:], false, .plain),
      (["NO_COLOR": "1"], true, .plain),
      (["NO_COLOR": ""], true, .colour),
      (["NO_COLOR": "1", "CLICOLOR_FORCE": "1"], true, .plain),
      (["CLICOLOR_FORCE": "1"], false, .colour),
      (["CLICOLOR_FORCE": "0"], false, .plain),
      (["CLICOLOR": "0"], true, .plain),
      (["CLICOLOR": "0", "CLICOLOR_FORCE": "1"], true, .colour),
      (["CLICOLOR": "1"], false, .plain),
      (["TERM": "dumb"], true, .plain),
    ] as [([String: String], Bool, Palette)])
  func `the environment beats the stream`(
    environment: [String: String], isTerminal: Bool, policy: Palette
  ) {
    #expect(Palette(environment: environment, isTerminal: isTerminal) == policy)
  }

  private let diagnostic = Diagnostic(
    code: "x", "`a`: b", at: SourceLocation(file: "f", line: 1, column: 2), causes: ["c"],
    hints: ["d"])

  @Test func `a diagnostic's words are coloured`() {
    #expect(
      Palette.colour.rendered(self.diagnostic)
        == "\u{1B}[31merror:\u{1B}[0m `a`: b\n\u{1B}[2m  -->\u{1B}[0m f:1:2\n"
        + "\u{1B}[2m  caused by:\u{1B}[0m c\n\u{1B}[36mhint:\u{1B}[0m d\n")
    let warning = Palette.colour.rendered(Diagnostic(.warning, code: "x", "w"))
    #expect(warning == "\u{1B}[33mwarning:\u{1B}[0m w\n")
  }

  @Test func `without colours a diagnostic is as it renders itself`() {
    #expect(Palette.plain.rendered(self.diagnostic) == self.diagnostic.rendered())
    for style in Palette.Style.allCases {
      #expect(Palette.plain.styled("a", style) == "a")
      #expect(Palette.colour.styled("", style) == "")
    }
  }

  @Test func `what a node sends cannot colour a diagnostic`() {
    let diagnostic = Diagnostic(code: "x", "a\u{1B}[31m")
    #expect(Palette.plain.rendered(diagnostic) == "error: a\\u{1B}[31m\n")
  }
}
