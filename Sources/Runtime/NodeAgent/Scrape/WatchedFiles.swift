import Glibc
import NodeAPI
import SwiftProtobuf

/// Counts the lines of files that others write, each byte read once.
struct WatchedFiles: Sendable {
  private struct Progress: Sendable {
    var inode: ino_t
    var offset: off_t
    /// Lines that are finished.
    var lineCount: UInt64
    /// Tells it from other files of its path on the nodes that see it, too; empty: it is this node's.
    var sharedAs: String

    /// A file that is met for the first time. Blocks.
    init(of path: String, inode: ino_t) {
      (self.inode, self.offset, self.lineCount) = (inode, 0, 0)
      self.sharedAs =
        PathQuestion.networkMount(of: path).map { "\($0.kind) \($0.source) \(inode)" } ?? ""
    }
  }

  /// Of all patterns together; further ones are left out.
  private static let fileCountMax = 256
  /// Read of one file in one look; the rest follows in the next ones.
  private static let stepSizeMax = 64 << 20
  private static let pieceSize = 1 << 20

  private let patterns: [String]
  private var progress: [String: Progress] = [:]

  /// - Parameter patterns: Absolute paths, or below `~/`; `*` as the shell has it.
  init(patterns: [String]) {
    self.patterns = patterns
  }

  /// Reads what has been added since the last look. Blocks.
  ///
  /// - Parameter milliseconds: The time of the look, since 1970.
  mutating func look(at milliseconds: Int64) -> [Muster_V1_WatchedFile] {
    var found: [Muster_V1_WatchedFile] = []
    for path in Set(self.patterns.flatMap(Self.paths)).sorted().prefix(Self.fileCountMax) {
      guard var file = self.look(at: path) else { continue }
      file.milliseconds = milliseconds
      found.append(file)
    }
    return found
  }

  private mutating func look(at path: String) -> Muster_V1_WatchedFile? {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    var progress = self.progress[path] ?? Progress(of: path, inode: status.st_ino)
    // Another file by that name, or one that was begun anew.
    if progress.inode != status.st_ino || status.st_size < progress.offset {
      progress = Progress(of: path, inode: status.st_ino)
    }
    let end = min(status.st_size, progress.offset + off_t(Self.stepSizeMax))
    var piece = [UInt8](repeating: 0, count: Self.pieceSize)
    while progress.offset < end {
      let count = pread(file, &piece, min(piece.count, Int(end - progress.offset)), progress.offset)
      guard count > 0 else { break }
      for byte in piece[..<count] where byte == UInt8(ascii: "\n") { progress.lineCount += 1 }
      progress.offset += off_t(count)
    }
    self.progress[path] = progress
    return .with {
      $0.path = path
      $0.lines = progress.lineCount
      $0.bytes = UInt64(status.st_size)
      $0.sharedAs = progress.sharedAs
    }
  }

  private static func paths(of pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, GLOB_TILDE | GLOB_NOSORT, nil, &result) == 0 else { return [] }
    return (0..<Int(result.gl_pathc)).prefix(Self.fileCountMax).compactMap { index in
      result.gl_pathv[index].map { String(cString: $0) }
    }
  }
}
