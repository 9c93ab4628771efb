import Glibc

/// Files of this machine as a whole, by the system's own calls.
enum SystemFile {
  struct Fault: Error {
    let code = errno

    var words: String { String(cString: strerror(self.code)) }
  }

  /// Reads up to `sizeMax` bytes and a little more, by which a caller sees that there are too many.
  ///
  /// - Parameter path: `-` is standard input.
  static func read(_ path: String, sizeMax: Int) throws(Fault) -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Fault() }
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= sizeMax {
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Fault() }
      if count == 0 { break }
      bytes += piece[..<count]
    }
    return bytes
  }

  /// Writes all bytes.
  static func write(_ bytes: [UInt8], to descriptor: CInt) throws(Fault) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Fault() }
      rest = rest.dropFirst(count)
    }
  }
}
