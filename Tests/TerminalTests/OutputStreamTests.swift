import Fleet
import Synchronization
import Terminal
import Testing

/// What reaches a stream, on a terminal and elsewhere.
@Suite struct OutputStreamTests {
  private final class Sink: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func write(_ bytes: [UInt8]) { self.bytes.withLock { $0 += bytes } }
    var text: String { self.bytes.withLock { String(decoding: $0, as: UTF8.self) } }
  }

  private static func written(
    isTerminal: Bool, _ policy: Palette = .plain, _ body: (OutputStream) -> Void
  ) -> String {
    let sink = Sink()
    body(
      OutputStream(isTerminal: isTerminal, palette: policy) { sink.write($0) })
    return sink.text
  }

  /// What a node may say: a sequence that clears the screen, one in C1, a title, a return, a direction
  /// turned round, a line separator, a character with many marks.
  static let hostile =
    "a\u{1B}[2J\u{9B}31m\u{1B}]0;owned\u{7}\rb\u{202E}c\u{2028}d\u{2066}"
    + "e" + String(repeating: "\u{301}", count: 1000)

  @Test func `on a terminal nothing is obeyed, a pipe gets the same bytes`() {
    let text = "\(Self.hostile)\nnext\n"
    let shown = Self.written(isTerminal: true) { $0.text(text) }
    #expect(
      shown.unicodeScalars.allSatisfy { scalar in
        switch scalar.properties.generalCategory {
        case .control: scalar == "\n"
        case .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
      })
    #expect(shown.hasPrefix("a\\u{1B}[2J\\u{9B}31m\\u{1B}]0;owned\\u{7}\\u{D}b\\u{202E}c"))
    #expect(shown.unicodeScalars.count < 200 && shown.hasSuffix("\u{FFFD}\nnext\n"))
    #expect(Self.written(isTerminal: false) { $0.text(text) } == text)
    #expect(Self.written(isTerminal: false) { $0.bytes(Array(text.utf8)) } == text)
  }

  @Test func `the colours of a log are taken out, other sequences shown`() {
    let log = "\u{1B}[36m(EngineCore pid=7)\u{1B}[0;0m up\u{1B}[38;5;1m!\u{1B}[2K\u{1B}[31"
    #expect(
      Self.written(isTerminal: true) { $0.bytes(Array(log.utf8)) }
        == "(EngineCore pid=7) up!\\u{1B}[2K\\u{1B}[31")
  }

  @Test func `a line of talk is one line, wherever it goes`() {
    for isTerminal in [true, false] {
      #expect(
        Self.written(isTerminal: isTerminal) { $0.line("n1: gone\nup in 1 s") }
          == "n1: gone\\u{A}up in 1 s\n")
    }
  }

  @Test func `a cause of several lines cannot look like a hint of ours`() {
    let diagnostic = Diagnostic(
      code: "x", "broke", causes: ["it said:\nhint: `rm -rf ~`\n\u{1B}[1Aerror: x"], hints: ["wait"]
    )
    #expect(
      Self.written(isTerminal: true) { $0.diagnostic(diagnostic) } == """
        error: broke
          caused by: it said:
            hint: `rm -rf ~`
            \\u{1B}[1Aerror: x
        hint: wait

        """)
  }

  @Test func `emoji and scripts that join are left as they are`() {
    let text = "👩‍👩‍👧‍👦 क्‍ष 日本 é\t|"
    #expect(Self.written(isTerminal: true) { $0.text(text) } == text)
  }

  @Test func `only a screen's own strokes are sequences`() {
    let drawn = Self.written(isTerminal: true, .colour) {
      $0.draw([.control(.row(2)), .line(StyledLine(Self.hostile, .error))])
    }
    #expect(drawn.hasPrefix("\u{1B}[2;1H\u{1B}[31ma\\u{1B}") && drawn.hasSuffix("\u{1B}[0m"))
    #expect(drawn.unicodeScalars.count { $0 == "\u{1B}" } == 3)
  }
}
