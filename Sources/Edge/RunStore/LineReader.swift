import Glibc
import RecordFiles
import Rollouts

/// Goes once through the lines of a file of any size, with the memory of a piece of it.
enum LineReader {
  private static let pieceSize = 1 << 20

  /// Calls `body` with each line and its line feed; the last one may lack it.
  static func forEachLine(
    of path: String, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(FileFault) {
    let file = try FileDescriptor(path: path, flags: O_RDONLY)
    var rest: [UInt8] = []
    var offset = 0
    while true {
      let piece = try file.bytes(offset..<offset + Self.pieceSize)
      offset += piece.count
      rest += piece
      let isLast = piece.isEmpty
      let used = rest.withUnsafeBytes { bytes in
        var start = 0
        while let end = RecordLineFeeds.first(in: bytes, from: start) {
          body(UnsafeRawBufferPointer(rebasing: bytes[start...end]))
          start = end + 1
        }
        if isLast, start < bytes.count {
          body(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
        return start
      }
      if isLast { return }
      rest.removeFirst(used)
      if rest.count > RecordLine.maximumSize {
        throw FileFault(path: path, operation: "find the end of a line of", errno: EFBIG)
      }
    }
  }
}
