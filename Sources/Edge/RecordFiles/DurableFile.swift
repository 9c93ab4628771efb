import Glibc

/// Whole files that are either as before or as they shall be, whatever happens in between.
package enum DurableFile {
  /// Replaces the file at `path` by `bytes`: written beside it, synced, renamed, the folder synced.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(FileFault) {
    let temporary = path + ".new"
    let file = try FileDescriptor(path: temporary, flags: O_WRONLY | O_CREAT | O_TRUNC)
    try file.write(bytes, at: 0)
    try file.synchronize()
    try Self.rename(temporary, to: path)
  }

  /// Renames a file that was synced, and syncs the folder. Both lie in one folder.
  package static func rename(_ source: String, to target: String) throws(FileFault) {
    guard Glibc.rename(source, target) == 0 else {
      throw FileFault(path: target, operation: "rename", errno: errno)
    }
    try Self.synchronizeFolder(of: target)
  }

  /// Makes the entry of `path` in its folder survive a crash of the machine.
  package static func synchronizeFolder(of path: String) throws(FileFault) {
    let folder = try FileDescriptor(path: Self.folder(of: path), flags: O_RDONLY | O_DIRECTORY)
    try folder.synchronize()
  }

  /// All of a file.
  ///
  /// - Parameter limit: A larger file is a fault with `EFBIG`.
  package static func read(_ path: String, limit: Int) throws(FileFault) -> [UInt8] {
    let file = try FileDescriptor(path: path, flags: O_RDONLY)
    let size = try file.size()
    guard size <= limit else { throw FileFault(path: path, operation: "read", errno: EFBIG) }
    return try file.bytes(0..<size)
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
