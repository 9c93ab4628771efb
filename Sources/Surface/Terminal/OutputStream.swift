package import Fleet

/// One of a process's streams, and the one place where text becomes its bytes.
///
/// On a terminal nothing that came from a node, a log or a file can move the cursor, colour what
/// follows, turn its direction round or hide: only ``TerminalControl`` and styles write escape sequences.
/// A pipe or a file gets data as it is: a program reads it.
package struct OutputStream: Sendable {
  /// What is drawn in one write, so that nothing flickers.
  package enum Stroke: Equatable, Sendable {
    case control(TerminalControl)
    case line(StyledLine)
  }

  package let isTerminal: Bool
  private let palette: Palette
  private let write: @Sendable ([UInt8]) -> Void

  /// - Parameter write: Takes the bytes, all of them.
  package init(isTerminal: Bool, palette: Palette, write: @escaping @Sendable ([UInt8]) -> Void) {
    self.isTerminal = isTerminal
    self.palette = palette
    self.write = write
  }

  // MARK: Data

  /// Writes a text of any number of lines.
  package func text(_ text: String) {
    self.write(Array((self.isTerminal ? TerminalText.visibleLines(of: text) : text).utf8))
  }

  /// Writes bytes, such as records or a log.
  package func bytes(_ bytes: [UInt8]) {
    guard self.isTerminal else { return self.write(bytes) }
    self.text(TerminalText.withoutColours(String(decoding: bytes, as: UTF8.self)))
  }

  /// Writes lines in their styles, as far as the stream has colours.
  package func lines(_ lines: [StyledLine]) {
    self.write(Array(lines.map { $0.rendered(self.palette) + "\n" }.joined().utf8))
  }

  // MARK: Talk

  /// Writes one line for people, wherever it goes: a line feed within cannot begin another.
  package func line(_ line: String) {
    self.write(Array("\(TerminalText.visible(line))\n".utf8))
  }

  package func diagnostic(_ diagnostic: Diagnostic) {
    self.write(Array(self.palette.rendered(diagnostic).utf8))
  }

  // MARK: A screen

  /// Draws on a terminal.
  package func draw(_ strokes: [Stroke]) {
    let text = strokes.map { stroke in
      switch stroke {
      case .control(let control): control.sequence
      case .line(let line): line.rendered(self.palette)
      }
    }
    self.write(Array(text.joined().utf8))
  }
}

/// What a program may ask of a terminal. Sources: ECMA-48, and xterm's control sequences for 1049.
package enum TerminalControl: Equatable, Sendable {
  /// The other screen, empty and without a cursor.
  case enterScreen
  case leaveScreen
  case clearScreen
  /// The beginning of a line, from 1.
  case row(Int)
  case clearToEndOfLine
  case clearBelow
  /// The present line, to be written anew.
  case restartLine
  case lineFeed

  var sequence: String {
    switch self {
    case .enterScreen: "\u{1B}[?1049h\u{1B}[?25l\u{1B}[H\u{1B}[2J"
    case .leaveScreen: "\u{1B}[?25h\u{1B}[?1049l"
    case .clearScreen: "\u{1B}[H\u{1B}[2J"
    case .row(let row): "\u{1B}[\(row);1H"
    case .clearToEndOfLine: "\u{1B}[K"
    case .clearBelow: "\u{1B}[J"
    case .restartLine: "\r\u{1B}[K"
    case .lineFeed: "\n"
    }
  }
}
