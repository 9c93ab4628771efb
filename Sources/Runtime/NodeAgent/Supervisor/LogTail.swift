import Glibc
import OperatingSystem

/// Follows a log as it grows, line by line.
struct LogTail {
  /// Read at one time, so that a chatty process does not keep us from the others.
  private static let stepSizeMax = 256 << 10
  /// Longer lines are cut into several.
  private static let lineSizeMax = 16 << 10

  let path: String
  private var offset: off_t = 0
  private var partial: [UInt8] = []

  init(path: String) {
    self.path = path
  }

  /// The first bytes of the log were put aside: what was behind them is its beginning now.
  mutating func lost(_ size: off_t) {
    self.offset = max(0, self.offset - size)
  }

  /// The lines that have been finished since the last call.
  mutating func newLines() -> [String] {
    let file = open(self.path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    // It was rotated.
    if lseek(file, 0, SEEK_END) < self.offset { self.offset = 0 }
    guard lseek(file, self.offset, SEEK_SET) == self.offset,
      let bytes = try? PlainFile.read(file, named: self.path, sizeMax: Self.stepSizeMax)
    else { return [] }
    self.offset += off_t(bytes.count)
    self.partial += bytes
    var lines = self.partial.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    self.partial = Array(lines.removeLast())
    if self.partial.count > Self.lineSizeMax {
      lines.append(self.partial[...])
      self.partial = []
    }
    return lines.flatMap { $0.isEmpty ? [$0] : LogEnd.parts(of: $0) }
      .map { String(decoding: $0, as: UTF8.self) }
  }
}
