import Fleet
import Glibc
import Synchronization

/// Small files, read and written whole. Every call blocks.
package enum PlainFile {
  /// Waits for nobody: a pipe in its place, which somebody would have to write to, is a fault.
  ///
  /// - Parameter sizeMax: Bytes beyond it are not read.
  /// - Throws: `SystemFault` with `ENOENT` where there is none.
  package static func read(_ path: String, sizeMax: Int) throws(SystemFault) -> [UInt8] {
    let file = try OpenFile(path: path, flags: O_RDONLY | O_NOCTTY | O_NONBLOCK)
    guard try file.status().st_mode & S_IFMT != S_IFIFO else {
      throw SystemFault("read as a file the pipe", path, code: EINVAL)
    }
    return try Self.read(file.number, named: path, sizeMax: sizeMax)
  }

  /// - Parameter limit: A larger file is a fault with `EFBIG`.
  package static func read(_ path: String, whole limit: Int) throws(SystemFault) -> [UInt8] {
    let file = try OpenFile(path: path, flags: O_RDONLY | O_NONBLOCK)
    let size = try file.size()
    guard size <= limit else { throw SystemFault("read", path, code: EFBIG) }
    return try file.bytes(0..<size)
  }

  /// From the descriptor's position on.
  package static func read(
    _ file: CInt, named path: String, sizeMax: Int
  ) throws(SystemFault) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < sizeMax {
      // Files of /proc have no size to ask for.
      let piece = try Self.piece(
        of: file, named: path, sizeMax: min(sizeMax - bytes.count, 64 << 10))
      if piece.isEmpty { break }
      bytes += piece
    }
    return bytes
  }

  /// What one call of `read` gives: of a pipe what is there, none at the end.
  package static func piece(
    of file: CInt, named path: String, sizeMax: Int
  ) throws(SystemFault) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: sizeMax)
    let count = try SystemFault.check("read", path) { Glibc.read(file, &block, sizeMax) }
    block.removeLast(sizeMax - count)
    return block
  }

  /// - Returns: The SHA-256 of a file from its position on, 64 lower-case hexadecimal digits.
  package static func sha256(of file: borrowing OpenFile) throws(SystemFault) -> String {
    var hash = SHA256()
    while case let piece = try Self.piece(of: file.number, named: file.path, sizeMax: 1 << 20),
      !piece.isEmpty
    {
      hash.update(piece)
    }
    return SHA256.hex(digest: hash.finalize())
  }

  /// Two calls for the same file may come at once, from two links.
  private static let publishCount = Atomic<UInt64>(0)

  /// Writes the file under another name first, so that whoever reads it sees all of it or the one
  /// before.
  ///
  /// - Parameter durably: Returns when the file survives the end of the machine.
  package static func publish(
    _ bytes: [UInt8], at path: String, durably: Bool = false, mode: UInt32 = 0o600
  ) throws(SystemFault) {
    let number = Self.publishCount.add(1, ordering: .relaxed).newValue
    let temporary = "\(path).\(getpid())-\(number).new"
    do throws(SystemFault) {
      let flags = O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW
      let file = try OpenFile(path: temporary, flags: flags, mode: mode)
      try file.write(bytes, at: 0)
      if durably { try file.synchronize() }
      try SystemFault.check("rename", temporary) { Glibc.rename(temporary, path) }
    } catch {
      unlink(temporary)
      throw error
    }
    if durably { try Self.syncFolder(of: path) }
  }

  /// Renames a file that was synced, and syncs the folder. Both lie in one folder.
  package static func rename(_ source: String, to target: String) throws(SystemFault) {
    try SystemFault.check("rename", target) { Glibc.rename(source, target) }
    try Self.syncFolder(of: target)
  }

  /// Makes the entry of `path` in its folder survive a crash of the machine.
  package static func syncFolder(of path: String) throws(SystemFault) {
    let flags = O_RDONLY | O_DIRECTORY
    try OpenFile(path: Self.folder(of: path), flags: flags).synchronize()
  }

  /// A descriptor at the end of a file, which is made if need be; the caller's to close.
  package static func openEnd(of path: String) throws(SystemFault) -> CInt {
    try SystemFault.check("create \(path)") {
      open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
    }
  }

  package static func write(
    _ bytes: [UInt8], to file: CInt, named path: String
  ) throws(SystemFault) {
    try Self.writeAll(bytes, named: path) { rest, _ in
      let count = Glibc.write(file, rest.baseAddress, rest.count)
      guard count < 0, errno == EAGAIN else { return count }
      // Another process that has the same pipe or terminal wants not to wait: we do.
      var event = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
      poll(&event, 1, -1)
      return 0
    }
  }

  /// - Parameter call: Takes some of the rest; with how many bytes were taken before.
  static func writeAll(
    _ bytes: [UInt8], named path: String, _ call: (UnsafeRawBufferPointer, Int) -> Int
  ) throws(SystemFault) {
    var done = 0
    while done < bytes.count {
      done += try SystemFault.check("write", path) {
        bytes.withUnsafeBytes { call(UnsafeRawBufferPointer(rebasing: $0[done...]), done) }
      }
    }
  }

  private static let makeCountMax = 100

  /// Makes a folder and those above it, mode 0700 each; one that is there is left as it is.
  ///
  /// - Parameter durably: Returns when those that were made survive the end of the machine.
  package static func makeFolders(_ path: String, durably: Bool = false) throws(SystemFault) {
    for _ in 1..<Self.makeCountMax {
      do throws(SystemFault) {
        return try Self.makeFoldersOnce(path, durably)
      } catch {
        // Where homes are shared, the last daemon of a run on another node has removed one in between.
        guard error.code == ENOENT else { throw error }
      }
    }
    try Self.makeFoldersOnce(path, durably)
  }

  private static func makeFoldersOnce(_ path: String, _ durably: Bool) throws(SystemFault) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      let folder = String(path[..<end])
      if mkdir(folder, 0o700) == 0 {
        if durably { try Self.syncFolder(of: folder) }
        continue
      }
      let code = errno
      if code == EEXIST { continue }
      // Above us there may be folders that only let us through.
      var status = stat()
      if stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { continue }
      throw SystemFault("make folder", folder, code: code)
    }
  }

  /// Names in a folder without `.` and `..`, in the order of their bytes.
  package static func names(in path: String) throws(SystemFault) -> [String] {
    guard let folder = opendir(path) else { throw SystemFault("list", path, code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The folder that a file or folder lies in.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
