import Glibc
import Health
import OperatingSystem

/// The end of a log.
enum LogEnd {
  /// Bytes that may be kept of one line in a status.
  private static let shownLineSizeMax = 2048

  /// Lines from the end, and bytes, in which the cause of an end is looked for: tracebacks of the
  /// workers of a node, and those that point back to them.
  private static let causeLineCount = 4000
  private static let causeSizeMax = 1 << 20

  /// Where the last `lineCount` lines begin; an unfinished line counts as one.
  ///
  /// - Returns: The offset and the size of the file; `nil` where there is no log.
  static func start(
    of path: String, lineCount: Int, sizeMax: Int = NodeLimits.logTailSizeMax
  ) -> (offset: off_t, size: off_t)? {
    guard let file = try? OpenFile(path: path, flags: O_RDONLY), let size = try? file.size()
    else { return nil }
    guard lineCount > 0 else { return (size, size) }
    let first = max(0, size - sizeMax)
    guard let bytes = try? file.bytes(first..<size) else { return nil }
    var rest = lineCount
    var index = bytes.last == UInt8(ascii: "\n") ? bytes.count - 1 : bytes.count
    while index > 0 {
      if bytes[index - 1] == UInt8(ascii: "\n") {
        rest -= 1
        if rest == 0 { break }
      }
      index -= 1
    }
    return (first + index, size)
  }

  /// The last lines, for a person; each cut to a size that can be shown.
  static func lines(of path: String, count: Int) -> [String] {
    let sizeMax = min(count * Self.shownLineSizeMax, Self.causeSizeMax)
    guard let start = Self.start(of: path, lineCount: count, sizeMax: sizeMax),
      let bytes = Self.read(path, from: start.offset, sizeMax: sizeMax)
    else { return [] }
    return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { Self.parts(of: $0).last?.prefix(Self.shownLineSizeMax) ?? [] }
      .map { String(decoding: $0, as: UTF8.self) }
      .dropLast(bytes.last == UInt8(ascii: "\n") || bytes.isEmpty ? 1 : 0)
  }

  /// What a line of a log has said, oldest first: a progress bar writes over itself by carriage returns,
  /// and some end their lines with one.
  static func parts(of line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    line.split(separator: UInt8(ascii: "\r"))
  }

  /// The line that names the cause of an end, and the last lines.
  static func explanation(of path: String, count: Int) -> [String] {
    FailureLog(Self.lines(of: path, count: Self.causeLineCount)).explanation(count: count)
  }

  /// In bytes; 0 where there is no log.
  static func size(of path: String) -> off_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_size : 0
  }

  /// `nil` where there is no log.
  static func read(_ path: String, from offset: off_t, sizeMax: Int) -> [UInt8]? {
    guard let file = try? OpenFile(path: path, flags: O_RDONLY) else { return nil }
    return try? file.bytes(offset..<offset + sizeMax)
  }
}
