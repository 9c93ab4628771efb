import CLinux
import Glibc
import OperatingSystem
import Synchronization

/// The log of one attempt, kept from filling the disk: what is in it goes to `output.1.log`, and so on.
///
/// The process that writes knows nothing of it, and goes on appending to the same file. Its beginning is
/// copied and then taken out of it, in one step that no write comes in between: ext4 and XFS can. The
/// end that is no whole MiB stays, so that a line may begin in `output.1.log` and end in `output.log`;
/// put together, they have each byte once. Elsewhere (NFS, Lustre, tmpfs) the file is copied until nothing new is in
/// it, and emptied: what is written in the microseconds between may be lost. An agent that dies between
/// copy and taking out leaves both: a beginning twice is better than none.
///
/// Positions in it are those of a log that was never cut: counted from the first byte that this agent
/// found in it.
final class ReplicaLog: Sendable {
  static let sizeMax = 64 << 20
  /// Logs that are kept beside the one that is written.
  static let countMax = 4
  /// What is taken out is a multiple of this, which is one of every file system's blocks.
  private static let alignment: off_t = 1 << 20
  /// A process that writes faster than we copy loses lines at the end, where it is emptied.
  private static let catchUpCountMax = 1000

  let path: String
  /// Bytes that were taken out of its beginning.
  private let cutSize = Mutex<off_t>(0)

  /// - Parameter path: Ends with `.log`.
  init(path: String) {
    self.path = path
  }

  /// Where the last `lineCount` lines begin; an unfinished line counts as one. Blocks.
  ///
  /// - Returns: Positions, the second that of its end; `nil` where there is no log.
  func end(lineCount: Int) -> (start: off_t, end: off_t)? {
    self.cutSize.withLock { cutSize in
      LogEnd.start(of: self.path, lineCount: lineCount).map {
        ($0.offset + cutSize, $0.size + cutSize)
      }
    }
  }

  /// Blocks.
  ///
  /// - Returns: What is there, and its position: later than asked where that was put aside meanwhile;
  ///   `nil` where there is no log.
  func read(from position: off_t, sizeMax: Int) -> (position: off_t, bytes: [UInt8])? {
    self.cutSize.withLock { cutSize in
      let wanted = max(0, position - cutSize)
      // A person has emptied it.
      let offset = wanted > LogEnd.size(of: self.path) ? 0 : wanted
      return LogEnd.read(self.path, from: offset, sizeMax: sizeMax).map { (offset + cutSize, $0) }
    }
  }

  /// Puts the log's beginning aside where it has grown too large. One caller at a time. Blocks.
  ///
  /// - Returns: Bytes that are no longer in its beginning.
  @discardableResult
  func rotate(sizeMax: Int = ReplicaLog.sizeMax) throws(SystemFault) -> off_t {
    let size = LogEnd.size(of: self.path)
    guard size > off_t(sizeMax) else { return 0 }
    let log = try OpenFile(path: self.path, flags: O_RDWR)
    let new = "\(self.path).new"
    let copy = try OpenFile(path: new, flags: O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW)
    // Its end cannot be taken out.
    let whole = (size - 1) / Self.alignment * Self.alignment
    try log.copy(0..<whole, to: copy, at: 0)
    // The kernel writes what is left unwritten before it cuts, and who appends waits for it.
    try? log.synchronize()
    for number in (1..<Self.countMax).reversed() {
      rename(self.name(number), self.name(number + 1))
    }
    try SystemFault.check("rename \(new)") { rename(new, self.name(1)) }
    return try self.cutSize.withLock { cutSize throws(SystemFault) in
      let cut = try self.cut(log, whole, copy)
      cutSize += cut
      return cut
    }
  }

  /// - Returns: Bytes that were taken out.
  private func cut(
    _ log: borrowing OpenFile, _ whole: off_t, _ copy: borrowing OpenFile
  ) throws(SystemFault) -> off_t {
    if whole > 0, clinux_collapse_range(log.number, whole) == 0 { return whole }
    var end = whole
    for _ in 0..<Self.catchUpCountMax {
      let size = try log.size()
      if size <= end { break }
      try log.copy(end..<size, to: copy, at: end)
      end = size
    }
    try log.truncate(to: 0)
    return end
  }

  private func name(_ number: Int) -> String { "\(self.path.dropLast(".log".count)).\(number).log" }
}

/// Follows a log as it grows, line by line.
struct LogTail {
  /// Read at one time, so that a chatty process does not keep us from the others.
  private static let stepSizeMax = 256 << 10
  /// Longer lines are cut into several.
  private static let lineSizeMax = 16 << 10

  private let log: ReplicaLog
  private var position: off_t = 0
  private var partial: [UInt8] = []

  init(of log: ReplicaLog) {
    self.log = log
  }

  /// The lines that have been finished since the last call. Blocks.
  mutating func newLines() -> [String] {
    guard let found = self.log.read(from: self.position, sizeMax: Self.stepSizeMax) else {
      return []
    }
    self.position = found.position + off_t(found.bytes.count)
    self.partial += found.bytes
    var lines = self.partial.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let last = lines.removeLast()
    if last.count > Self.lineSizeMax { lines.append(last) }
    self.partial = last.count > Self.lineSizeMax ? [] : Array(last)
    return lines.flatMap { $0.isEmpty ? [$0] : LogEnd.parts(of: $0) }
      .map { String(decoding: $0, as: UTF8.self) }
  }
}
