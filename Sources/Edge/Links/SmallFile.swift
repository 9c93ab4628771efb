import Glibc

/// Files of the coordinator's own: keys, known_hosts, notes.
enum SmallFile {
  /// All of a file, or `nil` where it cannot be read; `errno` then says why.
  static func contents(of path: String, sizeMax: Int) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer {
      let code = errno
      close(file)
      errno = code
    }
    var bytes: [UInt8] = []
    while bytes.count < sizeMax {
      let sizeWanted = min(sizeMax - bytes.count, 1 << 20)
      guard let piece = Self.piece(of: file, sizeMax: sizeWanted) else { return nil }
      if piece.isEmpty { break }
      bytes += piece
    }
    return bytes
  }

  /// The next bytes, none at the end; `nil` after an error, and `errno` then says which.
  static func piece(of file: CInt, sizeMax: Int) -> [UInt8]? {
    var code: CInt = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: sizeMax) { buffer, count in
      var result = 0
      repeat {
        result = Glibc.read(file, buffer.baseAddress, sizeMax)
      } while result < 0 && errno == EINTR
      if result < 0 { code = errno }
      count = max(result, 0)
    }
    errno = code
    return code == 0 ? bytes : nil
  }

  /// - Returns: Whether all was written; `errno` says why not.
  static func write(_ bytes: [UInt8], to file: CInt) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Glibc.write(
          file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }

  /// Puts a new file in the place of `path`, with its folders; where that cannot be done, nothing
  /// changes: it is for what can be made again.
  static func replace(_ path: String, with bytes: [UInt8]) {
    Self.makeParents(of: path)
    let temporary = "\(path).\(getpid())"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    let isWritten = Self.write(bytes, to: file) && fsync(file) == 0
    close(file)
    if !isWritten || rename(temporary, path) != 0 { unlink(temporary) }
  }

  /// Makes the folders that `path` lies in, mode 0700.
  static func makeParents(of path: String) {
    for (index, character) in path.enumerated() where character == "/" && index > 0 {
      mkdir(String(path.prefix(index)), 0o700)
    }
  }

  static func checked(_ operation: String, _ call: () -> CInt) throws(LinkError) -> CInt {
    let result = call()
    guard result >= 0 else {
      throw .agentImage("cannot \(operation): \(String(cString: strerror(errno)))")
    }
    return result
  }
}
