import Synchronization
import Terminal
import Testing

@Suite struct ProgressTests {
  private static func bar(
    _ done: Int, _ elapsed: Duration, doneBefore: Int = 0, rates: [(String, Double)] = []
  ) -> ProgressBar {
    ProgressBar(
      label: "eval", total: 300, done: done, elapsed: elapsed, doneBefore: doneBefore,
      rates: rates)
  }

  @Test func `a line has bar, count, rate, estimate and the nodes that fit`() {
    let bar = Self.bar(135, .seconds(10), rates: [("gpu01", 7.25), ("gpu02", 6.25)])
    #expect(
      bar.line(width: 120)
        == "eval  [##################----------------------]   45%  135/300  13.5/s  ETA 13s"
        + "  gpu01 7.25/s  gpu02 6.25/s")
    #expect(
      bar.line(width: 70)
        == "eval  [#############----------------]   45%  135/300  13.5/s  ETA 13s")
    #expect(bar.line(width: 50) == "eval  [####-----]   45%  135/300  13.5/s  ETA 13s")
    #expect(bar.line(width: 48) == "eval   45%  135/300  13.5/s  ETA 13s")
    #expect(bar.line(width: 12) == "eval   45%  ".dropLast().description)
  }

  @Test func `no line is as wide as the terminal`() {
    for width in 0...150 {
      for done in [0, 1, 150, 299, 300] {
        let bar = Self.bar(done, .milliseconds(12_345), rates: [("gpu日本", 1), ("b", 2000)])
        let line = bar.line(width: width)
        #expect(TerminalText.width(of: line) <= max(0, width - 1))
      }
    }
  }

  @Test func `before the first item there is no estimate, after the last the time it took`() {
    #expect(Self.bar(0, .seconds(1)).event == "eval    0%  0/300")
    #expect(
      Self.bar(300, .seconds(125)).event
        == "eval  100%  300/300  2.40/s  in 2m05s")
  }

  @Test func `what was done before counts as done but not as speed`() {
    let bar = Self.bar(200, .seconds(10), doneBefore: 100)
    #expect(bar.event == "eval   66%  200/300  10.0/s  ETA 10s")
  }

  @Test(arguments: [
    (0.0, 300, "0%"), (299.0, 300, "99%"), (300.0, 300, "100%"), (0.0, 0, "100%"),
  ]) func `a percentage is rounded down`(done: Double, total: Int, text: String) {
    let bar = ProgressBar(label: "x", total: total, done: Int(done), elapsed: .zero)
    #expect("\(bar.percent)%" == text)
  }

  @Test(arguments: [
    (59, "59s"), (60, "1m00s"), (3599, "59m59s"), (3725, "1h02m"), (273_600, "3d04h"),
  ]) func `durations are short`(seconds: Int, text: String) {
    let bar = ProgressBar(label: "x", total: 10, done: 10, elapsed: .seconds(seconds))
    #expect(bar.event.hasSuffix("  in \(text)"))
  }

  @Test func `an estimate without end does not trap`() {
    let bar = ProgressBar(label: "x", total: .max, done: 1, elapsed: .seconds(1_000_000_000))
    #expect(bar.event.contains("ETA 999d00h"))
  }

  @Test func `a terminal's line is rewritten, talk stands above it`() {
    let sink = Sink()
    var report = ProgressReport(width: 80) { sink.add($0) }
    report.show(ProgressBar(label: "x", total: 2, done: 1, elapsed: .zero))
    report.say("gpu01: link lost")
    report.show(ProgressBar(label: "x", total: 2, done: 2, elapsed: .zero))
    report.finish()
    report.finish()
    let (half, whole) = (String(repeating: "#", count: 20), String(repeating: "#", count: 40))
    let rest = String(repeating: "-", count: 20)
    #expect(
      sink.text
        == "\r\u{1B}[Kx  [\(half)\(rest)]   50%  1/2\r\u{1B}[Kgpu01: link lost\n"
        + "\r\u{1B}[Kx  [\(whole)]  100%  2/2\n")
  }

  @Test func `elsewhere there is a line each time, and nothing that moves a cursor`() {
    let sink = Sink()
    var report = ProgressReport(width: nil) { sink.add($0) }
    for done in [0, 10, 100] {
      report.show(ProgressBar(label: "x", total: 100, done: done, elapsed: .zero))
    }
    report.say("done")
    report.finish()
    let lines = sink.text.split(separator: "\n")
    #expect(lines == ["x    0%  0/100", "x   10%  10/100", "x  100%  100/100", "done"])
  }

  private final class Sink: Sendable {
    private let written = Mutex<[UInt8]>([])
    var text: String { self.written.withLock { String(decoding: $0, as: UTF8.self) } }

    func add(_ strokes: [OutputStream.Stroke]) {
      OutputStream(isTerminal: true, palette: Palette.plain) { bytes in
        self.written.withLock { $0 += bytes }
      }.draw(strokes)
    }
  }
}
