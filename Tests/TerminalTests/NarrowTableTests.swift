import Terminal
import Testing

@Suite struct NarrowTableTests {
  private static var table: Table {
    var table = Table([
      .init("A"), .init("FIRST", .right, rank: 2), .init("SECOND", .right, rank: 1), .init("WHY"),
    ])
    table.append(["a", "1", "22", "because it is so"].map { StyledLine($0) })
    return table
  }

  @Test func `columns with the highest rank are left out first, and rank 0 stays`() {
    #expect(
      Self.table.lines(width: 80).map(\.text) == [
        "A  FIRST  SECOND  WHY", "a      1      22  because it is so",
      ])
    #expect(
      Self.table.lines(width: 30).map(\.text) == ["A  SECOND  WHY", "a      22  because it is so"])
    #expect(Self.table.lines(width: 20).map(\.text) == ["A  WHY", "a  because it is so"])
    #expect(Self.table.lines(width: 8).map(\.text) == ["A  WHY", "a  becau"])
  }

  @Test func `a cut keeps styles and never cuts a character`() {
    var line = StyledLine("ab", .error)
    line.append("日本", .success)
    #expect(line.width == 6 && line.cut(to: 5).text == "ab日")
    #expect(
      line.cut(to: 5).rendered(Palette.colour) == "\u{1B}[31mab\u{1B}[0m\u{1B}[32m日\u{1B}[0m")
    #expect(line.cut(to: 0).text == "")
    #expect(line.rendered(Palette.plain) == "ab日本")
  }
}
