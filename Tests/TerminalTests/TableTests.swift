import Terminal
import Testing

@Suite struct TableTests {
  @Test func `columns are as wide as their widest cell, and no line ends in a blank`() {
    var table = Table([.init("service"), .init("ready", .right), .init("nodes")])
    table.append(["policy", "21", "gpu[01-21]"])
    table.append(["é日本", "4", ""])
    #expect(
      table.rendered() == """
        service  ready  nodes
        policy      21  gpu[01-21]
        é日本        4

        """)
  }

  @Test func `a table without titles has only its rows`() {
    var table = Table([.init(""), .init("", .right)])
    #expect(table.rendered() == "")
    table.append(["a", "1"])
    table.append(["bb", "10"])
    #expect(table.rendered() == "a    1\nbb  10\n")
  }

  @Test func `what a node sends cannot move the cursor`() {
    var table = Table([.init("text")])
    table.append(["a\u{1B}[2Jb\n"])
    #expect(table.rendered() == "text\na\\u{1B}[2Jb\\u{A}\n")
  }

  @Test(arguments: [
    ("", 0), ("abc", 3), ("日本", 4), ("e\u{301}", 1), ("\u{1B}", 0), ("🚀", 2), ("\u{200B}", 0),
  ])
  func `widths are those of a terminal`(text: String, width: Int) {
    #expect(TerminalText.width(of: text) == width)
  }

  @Test func `a text is cut at a column, never in a character`() {
    #expect(TerminalText.prefix(of: "a日本", width: 2) == "a")
    #expect(TerminalText.prefix(of: "a日本", width: 3) == "a日")
    #expect(TerminalText.prefix(of: "abc", width: 0) == "")
  }
}
