/// One line for a terminal, in parts of a style each.
package struct StyledLine: Equatable, Sendable {
  package struct Part: Equatable, Sendable {
    package var text: String
    /// `nil`: as the terminal writes.
    package var style: Palette.Style?
  }

  package private(set) var parts: [Part] = []

  /// - Parameter text: As ``append(_:_:)`` takes it.
  package init(_ text: String = "", _ style: Palette.Style? = nil) {
    self.append(text, style)
  }

  /// - Parameter text: Of any source: control characters are made visible, a tab is a blank.
  package mutating func append(_ text: String, _ style: Palette.Style? = nil) {
    guard !text.isEmpty else { return }
    let visible = TerminalText.visible(text).replacing("\t", with: " ")
    self.parts.append(Part(text: visible, style: style))
  }

  package mutating func append(_ line: Self) {
    self.parts += line.parts
  }

  /// Without styles.
  package var text: String { self.parts.map(\.text).joined() }

  /// In columns.
  package var width: Int { self.parts.reduce(0) { $0 + TerminalText.width(of: $1.text) } }

  /// The longest beginning that takes at most `width` columns.
  package func cut(to width: Int) -> Self {
    var (result, rest) = (Self(), width)
    for part in self.parts where rest > 0 {
      let text = TerminalText.prefix(of: part.text, width: rest)
      result.append(text, part.style)
      rest -= TerminalText.width(of: text)
      if text != part.text { break }
    }
    return result
  }

  /// Blanks in front or behind, up to `width` columns.
  func padded(to width: Int, _ alignment: Table.Alignment) -> Self {
    let blanks = String(repeating: " ", count: max(0, width - self.width))
    var result = Self()
    if alignment == .right { result.append(blanks) }
    result.append(self)
    if alignment == .left { result.append(blanks) }
    return result
  }

  /// For a terminal, without line feed.
  package func rendered(_ palette: Palette) -> String {
    self.parts.map { part in part.style.map { palette.styled(part.text, $0) } ?? part.text }
      .joined()
  }
}
