import Glibc
import NodeAPI
import OperatingSystem
import SwiftProtobuf

/// Counts the lines of files that others write, each byte read once.
struct WatchedFiles: Sendable {
  private struct Progress: Sendable {
    var inode: ino_t
    var offset: Int
    /// Lines that are finished.
    var lineCount: UInt64
    /// Tells it from all other files, whichever node sees it at whichever path.
    var sharedAs: String

    /// A file that is met for the first time. Blocks.
    init(of path: String, _ status: stat) {
      (self.inode, self.offset, self.lineCount) = (status.st_ino, 0, 0)
      // What a network calls a device is each machine's own matter.
      self.sharedAs =
        PathQuestion.networkMount(of: path)
        .map { "\($0.kind) \($0.source) \(status.st_ino) \(path)" }
        ?? "\(ProcessTable.bootID) \(status.st_dev) \(status.st_ino)"
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
    var patterns: [String: Int] = [:]
    for (index, pattern) in self.patterns.enumerated() {
      for path in Self.paths(of: pattern) where patterns[path] == nil { patterns[path] = index }
    }
    for (path, index) in patterns.sorted(by: { $0.key < $1.key }).prefix(Self.fileCountMax) {
      guard var file = self.look(at: path) else { continue }
      file.milliseconds = milliseconds
      file.pattern = UInt32(index)
      found.append(file)
    }
    return found
  }

  private mutating func look(at path: String) -> Muster_V1_WatchedFile? {
    guard let file = try? OpenFile(path: path, flags: O_RDONLY | O_NONBLOCK),
      let status = try? file.status(), status.st_mode & S_IFMT == S_IFREG
    else { return nil }
    var progress = self.progress[path] ?? Progress(of: path, status)
    // Another file by that name, or one that was begun anew.
    if progress.inode != status.st_ino || status.st_size < off_t(progress.offset) {
      progress = Progress(of: path, status)
    }
    let size = Int(status.st_size)
    let end = min(size, progress.offset + Self.stepSizeMax)
    while progress.offset < end {
      let place = progress.offset..<min(progress.offset + Self.pieceSize, end)
      guard let piece = try? file.bytes(place), !piece.isEmpty else { break }
      for byte in piece where byte == UInt8(ascii: "\n") { progress.lineCount += 1 }
      progress.offset += piece.count
    }
    self.progress[path] = progress
    return .with {
      $0.path = path
      $0.lines = progress.lineCount
      $0.bytes = UInt64(size)
      $0.sharedAs = progress.sharedAs
    }
  }

  private static func paths(of pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, GLOB_TILDE | GLOB_NOSORT, nil, &result) == 0 else { return [] }
    let paths = (0..<Int(result.gl_pathc)).compactMap { index in
      result.gl_pathv[index].map { String(cString: $0) }
    }
    // One that is named as it is, is meant.
    let hasStar = pattern.contains { "*?[".contains($0) }
    return Array((hasStar ? paths.filter(Self.mayHoldRollouts) : paths).prefix(Self.fileCountMax))
  }

  /// Not what NeMo Gym 0.7 writes beside the rollouts of a collection, one line for each of them.
  private static func mayHoldRollouts(_ path: String) -> Bool {
    !["_materialized_inputs.jsonl", "_failures.jsonl", "/rollout_verdicts.jsonl"]
      .contains(where: path.hasSuffix)
  }
}
