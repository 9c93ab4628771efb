import Glibc
import Synchronization

/// Small files, read and written whole.
package enum PlainFile {
  /// - Parameter sizeMax: Bytes beyond it are not read.
  /// - Throws: `NodeAgentError.system` with `ENOENT` where there is none.
  package static func read(_ path: String, sizeMax: Int) throws(NodeAgentError) -> [UInt8] {
    let file = try NodeAgentError.check("open \(path)") {
      open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
    }
    defer { close(file) }
    return try Self.read(file, named: path, sizeMax: sizeMax)
  }

  /// From the descriptor's position on.
  static func read(
    _ file: CInt, named path: String, sizeMax: Int
  ) throws(NodeAgentError) -> [UInt8] {
    var bytes: [UInt8] = []
    // Files of /proc have no size to ask for.
    var block = [UInt8](repeating: 0, count: min(sizeMax, 64 << 10))
    while bytes.count < sizeMax {
      let wanted = min(block.count, sizeMax - bytes.count)
      let count = try NodeAgentError.check("read \(path)") {
        CInt(truncatingIfNeeded: Glibc.read(file, &block, wanted))
      }
      if count == 0 { break }
      bytes += block[..<Int(count)]
    }
    return bytes
  }

  /// Two calls for the same file may come at once, from two links.
  private static let publishCount = Atomic<UInt64>(0)

  /// Writes the file under another name first, so that whoever reads it sees all of it or the one
  /// before.
  ///
  /// - Parameter durably: Returns when the file survives the end of the machine.
  static func publish(
    _ bytes: [UInt8], at path: String, durably: Bool = false, mode: mode_t = 0o600
  ) throws(NodeAgentError) {
    let number = Self.publishCount.add(1, ordering: .relaxed).newValue
    let temporary = "\(path).\(getpid())-\(number).new"
    let file = try NodeAgentError.check("create \(temporary)") {
      open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, mode)
    }
    do throws(NodeAgentError) {
      defer { close(file) }
      try Self.write(bytes, to: file, named: temporary)
      if durably { try NodeAgentError.check("sync \(temporary)") { fsync(file) } }
      try NodeAgentError.check("rename \(temporary)") { rename(temporary, path) }
    } catch {
      unlink(temporary)
      throw error
    }
    if durably { try Self.syncFolder(of: path) }
  }

  static func write(
    _ bytes: [UInt8], to file: CInt, named path: String
  ) throws(NodeAgentError) {
    var start = 0
    while start < bytes.count {
      let count = try NodeAgentError.check("write \(path)") {
        bytes.withUnsafeBytes { bytes in
          let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
          return CInt(truncatingIfNeeded: Glibc.write(file, rest.baseAddress, rest.count))
        }
      }
      start += Int(count)
    }
  }

  /// Makes a folder and those above it, mode 0700 each; one that is there is left as it is.
  package static func makeFolders(_ path: String) throws(NodeAgentError) {
    for _ in 1..<Self.makeCountMax {
      do throws(NodeAgentError) {
        return try Self.makeFoldersOnce(path)
      } catch {
        // Where homes are shared, the last daemon of a run on another node has removed one in between.
        guard case .system(_, ENOENT) = error else { throw error }
      }
    }
    try Self.makeFoldersOnce(path)
  }

  private static let makeCountMax = 100

  private static func makeFoldersOnce(_ path: String) throws(NodeAgentError) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      let folder = String(path[..<end])
      if mkdir(folder, 0o700) == 0 || errno == EEXIST { continue }
      let code = errno
      // Above us there may be folders that only let us through.
      var status = stat()
      if stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { continue }
      throw .system(operation: "make folder \(folder)", code: code)
    }
  }

  /// Names in a folder without `.` and `..`, in the order of their bytes.
  static func names(in path: String) throws(NodeAgentError) -> [String] {
    guard let folder = opendir(path) else {
      throw .system(operation: "list \(path)", code: errno)
    }
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

  private static func syncFolder(of path: String) throws(NodeAgentError) {
    let name = path.lastIndex(of: "/") ?? path.startIndex
    let folder = name == path.startIndex ? "/" : String(path[..<name])
    let file = try NodeAgentError.check("open \(folder)") {
      open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
    }
    defer { close(file) }
    try NodeAgentError.check("sync \(folder)") { fsync(file) }
  }
}
