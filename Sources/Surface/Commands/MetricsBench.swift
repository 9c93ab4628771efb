import ArgumentParser
import Fleet
import OperatingSystem
import Telemetry

/// `muster metrics-bench`: measures how fast texts of metrics are read in this process. Not in the
/// help: it is for `scripts/bench/metrics`.
struct MetricsBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics-bench", abstract: "Read texts of metrics over and over.",
    shouldDisplay: false)

  /// Bytes read between two looks at the clock.
  private static let batchSize = 4 << 20

  @Argument(help: "Texts as servers show them at `/metrics`.")
  var files: [String]

  @Option(help: "Seconds for each file.")
  var seconds = 2

  func validate() throws {
    guard !self.files.isEmpty else { throw ValidationError("no file") }
    try Self.check("seconds", self.seconds, in: 1...60)
  }

  /// Prints a line a file: megabytes a second (of 1,000,000 bytes), texts a second, bytes and samples
  /// of the text, and a sum over all values read, so that no text can be optimised away.
  func run() throws {
    for file in self.files {
      do {
        let text = try PlainFile.read(file, sizeMax: MetricsTextLimits.byteCountMax + 1)
        StandardStreams.data("\(file): \(try Self.measure(text, for: .seconds(self.seconds)))\n")
      } catch let fault as SystemFault {
        throw CommandFailure(
          .failed, code: "unreadable", "cannot read `\(file)`: \(fault.reason)")
      } catch let error as MetricsTextError {
        throw CommandFailure(
          .failed,
          [
            Diagnostic(
              code: "metrics-text", "\(error.problem)",
              at: SourceLocation(file: file, line: error.line, column: error.column))
          ])
      }
    }
  }

  private static func measure(
    _ text: [UInt8], for duration: Duration
  ) throws(MetricsTextError) -> String {
    var page = MetricsPage()
    var (count, checksum) = (0, 0.0)
    let batchCount = 1 + Self.batchSize / max(1, text.count)
    let clock = ContinuousClock()
    let start = clock.now
    var elapsed = Duration.zero
    while elapsed < duration {
      for _ in 0..<batchCount {
        try page.read(text)
        if let last = page.samples.last { checksum += last.value }
      }
      count += batchCount
      elapsed = clock.now - start
    }
    let rate = Double(count) / (elapsed / .seconds(1))
    return "MB/s \(Int(rate * Double(text.count) / 1e6)) texts/s \(Int(rate))"
      + " bytes \(text.count) samples \(page.samples.count) checksum \(checksum)"
  }
}
