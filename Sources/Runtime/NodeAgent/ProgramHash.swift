import Fleet
import Glibc

/// The SHA-256 of a program's file.
enum ProgramHash {
  /// - Returns: 64 lower-case hexadecimal digits.
  static func ofThisProgram() throws(NodeAgentError) -> String {
    let path = "/proc/self/exe"
    let file = try NodeAgentError.check("open \(path)") { open(path, O_RDONLY | O_CLOEXEC) }
    defer { close(file) }
    var hash = SHA256()
    while true {
      let piece = try PlainFile.read(file, named: path, sizeMax: 1 << 20)
      if piece.isEmpty { break }
      hash.update(piece)
    }
    return SHA256.hex(digest: hash.finalize())
  }
}
