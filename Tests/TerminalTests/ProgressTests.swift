import Synchronization
import Terminal
import Testing

@Suite struct ProgressTests {
  private let bar = ProgressBar(label: "eval", total: 300)

  @Test func `a line has bar, count, rate, estimate and the nodes that fit`() {
    let moment = ProgressBar.Moment(
      done: 135, elapsed: .seconds(10), rates: [("gpu01", 7.25), ("gpu02", 6.25)])
    #expect(
      self.bar.line(moment, width: 120)
        == "eval  [##################----------------------]   45%  135/300  13.5/s  ETA 13s"
        + "  gpu01 7.25/s  gpu02 6.25/s")
    #expect(
      self.bar.line(moment, width: 70)
        == "eval  [#############----------------]   45%  135/300  13.5/s  ETA 13s")
    #expect(self.bar.line(moment, width: 50) == "eval  [####-----]   45%  135/300  13.5/s  ETA 13s")
    #expect(self.bar.line(moment, width: 48) == "eval   45%  135/300  13.5/s  ETA 13s")
    #expect(self.bar.line(moment, width: 12) == "eval   45%  ".dropLast().description)
  }

  @Test func `no line is as wide as the terminal`() {
    for width in 0...150 {
      for done in [0, 1, 150, 299, 300] {
        let moment = ProgressBar.Moment(
          done: done, elapsed: .milliseconds(12_345), rates: [("gpu日本", 1), ("b", 2000)])
        let line = self.bar.line(moment, width: width)
        #expect(TerminalText.width(of: line) <= max(0, width - 1))
      }
    }
  }

  @Test func `before the first item there is no estimate, after the last the time it took`() {
    #expect(self.bar.event(.init(done: 0, elapsed: .seconds(1))) == "eval    0%  0/300")
    #expect(
      self.bar.event(.init(done: 300, elapsed: .seconds(125)))
        == "eval  100%  300/300  2.40/s  in 2m05s")
  }

  @Test func `what was done before counts as done but not as speed`() {
    let moment = ProgressBar.Moment(done: 200, elapsed: .seconds(10), doneBefore: 100)
    #expect(self.bar.event(moment) == "eval   66%  200/300  10.0/s  ETA 10s")
  }

  @Test(arguments: [
    (0.0, 300, "0%"), (299.0, 300, "99%"), (300.0, 300, "100%"), (0.0, 0, "100%"),
  ]) func `a percentage is rounded down`(done: Double, total: Int, text: String) {
    let bar = ProgressBar(label: "x", total: total)
    #expect("\(bar.percent(.init(done: Int(done), elapsed: .zero)))%" == text)
  }

  @Test(arguments: [
    (59, "59s"), (60, "1m00s"), (3599, "59m59s"), (3725, "1h02m"), (273_600, "3d04h"),
  ]) func `durations are short`(seconds: Int, text: String) {
    let bar = ProgressBar(label: "x", total: 10)
    let event = bar.event(.init(done: 10, elapsed: .seconds(seconds)))
    #expect(event.hasSuffix("  in \(text)"))
  }

  @Test func `an estimate without end does not trap`() {
    let bar = ProgressBar(label: "x", total: .max)
    let event = bar.event(.init(done: 1, elapsed: .seconds(1_000_000_000)))
    #expect(event.contains("ETA 999d00h"))
  }

  @Test func `a terminal's line is rewritten, talk stands above it`() {
    let sink = Sink()
    var report = ProgressReport(width: 80) { sink.add($0) }
    let bar = ProgressBar(label: "x", total: 2)
    report.show(.init(done: 1, elapsed: .zero), of: bar)
    report.say("gpu01: link lost")
    report.show(.init(done: 2, elapsed: .zero), of: bar)
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
    let bar = ProgressBar(label: "x", total: 100)
    for done in [0, 10, 100] { report.show(.init(done: done, elapsed: .zero), of: bar) }
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
