import Glibc
import OperatingSystem

/// The end of a log.
enum LogEnd {
  /// Bytes that may be kept of one line in a status.
  private static let shownLineSizeMax = 2048

  /// Lines from the end in which the cause of an end is looked for: two of vLLM's tracebacks.
  private static let causeLineCount = 400

  /// Where the last `lineCount` lines begin; an unfinished line counts as one.
  ///
  /// - Returns: The offset and the size of the file; `nil` where there is no log.
  static func start(
    of path: String, lineCount: Int, sizeMax: Int = NodeLimits.logTailSizeMax
  ) -> (offset: off_t, size: off_t)? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    let size = lseek(file, 0, SEEK_END)
    guard size >= 0 else { return nil }
    guard lineCount > 0 else { return (size, size) }
    let first = max(0, size - off_t(sizeMax))
    guard lseek(file, first, SEEK_SET) == first,
      let bytes = try? PlainFile.read(file, named: path, sizeMax: Int(size - first))
    else { return nil }
    var rest = lineCount
    var index = bytes.last == UInt8(ascii: "\n") ? bytes.count - 1 : bytes.count
    while index > 0 {
      if bytes[index - 1] == UInt8(ascii: "\n") {
        rest -= 1
        if rest == 0 { break }
      }
      index -= 1
    }
    return (first + off_t(index), size)
  }

  /// The last lines, for a person; each cut to a size that can be shown.
  static func lines(of path: String, count: Int) -> [String] {
    let sizeMax = count * Self.shownLineSizeMax
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

  /// The last lines, and above them the first that names an error where it is further up: vLLM and
  /// others end with a traceback that only says that the cause stands above.
  static func explanation(of path: String, count: Int) -> [String] {
    let tail = Self.lines(of: path, count: Self.causeLineCount)
    let last = Array(tail.suffix(count))
    guard let cause = tail.dropLast(last.count).first(where: Self.namesError) else { return last }
    return [cause, "…"] + last.dropFirst(2)
  }

  /// A line that bears a Python exception, such as `ValueError: …`, and is no warning.
  private static func namesError(_ line: String) -> Bool {
    if line.contains(" WARNING ") || line.contains(" INFO ") { return false }
    for name in ["Error: ", "Exception: ", "Error("] {
      guard let range = line.firstRange(of: name), range.lowerBound > line.startIndex else {
        continue
      }
      if line[line.index(before: range.lowerBound)].isLetter { return true }
    }
    return false
  }

  /// In bytes; 0 where there is no log.
  static func size(of path: String) -> off_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_size : 0
  }

  /// `nil` where there is no log.
  static func read(_ path: String, from offset: off_t, sizeMax: Int) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    guard lseek(file, offset, SEEK_SET) == offset else { return nil }
    return try? PlainFile.read(file, named: path, sizeMax: sizeMax)
  }
}
