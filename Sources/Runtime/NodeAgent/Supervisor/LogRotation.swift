import Glibc

/// Keeps a log from filling the disk: what is in it goes to `output.1.log`, and so on.
///
/// The process that writes knows nothing of it, and goes on writing to the same file, which is copied
/// and then emptied. A line that is written between these two, which takes microseconds, may be lost.
enum LogRotation {
  static let sizeMax = 64 << 20
  /// Logs that are kept beside the one that is written.
  static let countMax = 4
  private static let pieceSize = 1 << 20

  /// - Parameter path: Ends with `.log`.
  /// - Returns: Whether the log is empty now.
  static func rotate(_ path: String, sizeMax: Int = Self.sizeMax) throws(NodeAgentError) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0, status.st_size > off_t(sizeMax) else { return false }
    let log = try NodeAgentError.check("open \(path)") { open(path, O_RDWR | O_CLOEXEC) }
    defer { close(log) }
    let new = "\(path).new"
    let copy = try NodeAgentError.check("create \(new)") {
      open(new, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0o600)
    }
    defer { close(copy) }
    var piece = [UInt8](repeating: 0, count: Self.pieceSize)
    while true {
      let count = try NodeAgentError.check("read \(path)") {
        CInt(truncatingIfNeeded: Glibc.read(log, &piece, piece.count))
      }
      if count == 0 { break }
      try PlainFile.write(Array(piece[..<Int(count)]), to: copy, named: new)
    }
    try NodeAgentError.check("empty \(path)") { ftruncate(log, 0) }
    for number in (1..<Self.countMax).reversed() {
      rename(Self.name(path, number), Self.name(path, number + 1))
    }
    try NodeAgentError.check("rename \(new)") { rename(new, Self.name(path, 1)) }
    return true
  }

  private static func name(_ path: String, _ number: Int) -> String {
    "\(path.dropLast(".log".count)).\(number).log"
  }
}
