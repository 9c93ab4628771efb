import ArgumentParser
import Fleet
import Glibc
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
    guard (1...60).contains(self.seconds) else {
      throw ValidationError("seconds `\(self.seconds)` is not in 1 to 60")
    }
  }

  /// Prints a line a file: megabytes a second (of 1,000,000 bytes), texts a second, bytes and samples
  /// of the text, and a sum over all values read, so that no text can be optimised away.
  func run() throws {
    for file in self.files {
      let text = try Self.bytes(of: file)
      do throws(MetricsTextError) {
        StandardStreams.data("\(file): \(try Self.measure(text, for: .seconds(self.seconds)))\n")
      } catch {
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

  private static func bytes(of path: String) throws(CommandFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.unreadable(path, errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= MetricsTextLimits.byteCountMax {
      let count = read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.unreadable(path, errno) }
      if count == 0 { break }
      bytes += piece[..<count]
    }
    return bytes
  }

  private static func unreadable(_ path: String, _ code: CInt) -> CommandFailure {
    CommandFailure(
      .failed,
      [Diagnostic(code: "unreadable", "cannot read `\(path)`: \(String(cString: strerror(code)))")])
  }
}
