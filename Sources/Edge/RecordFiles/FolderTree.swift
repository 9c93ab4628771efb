import Glibc
package import OperatingSystem

/// A folder with all that is in it: how large it is, and its removal. Neither follows a symbolic link
/// or leaves the file system that the folder is on. Blocks.
package enum FolderTree {
  /// Folders within each other: a run has five.
  private static let depthMax = 64

  /// What it takes of the disk, in bytes; 0 where there is none. What cannot be read is left out.
  package static func size(of path: String) -> Int {
    guard let folder = try? Folder(path, followsLink: true) else { return 0 }
    return folder.size(depth: 0)
  }

  /// Whether there is a folder at `path`.
  ///
  /// - Throws: `SystemFault` where it is a link or no folder (`ENOTDIR`), or another user's (`EPERM`).
  package static func isOwn(_ path: String) throws(SystemFault) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return false }
      throw SystemFault("look at", path, code: errno)
    }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    guard isFolder, status.st_uid == geteuid() else {
      throw SystemFault("remove", path, code: isFolder ? EPERM : ENOTDIR)
    }
    return true
  }

  /// Removes `name`, a folder in the folder at `path` that is this user's own; `path` is no link.
  ///
  /// - Returns: What it took of the disk, in bytes.
  /// - Throws: `SystemFault` for a name that is a link or no folder (`ENOTDIR`), another user's
  ///   (`EPERM`), or what cannot be removed; what was removed by then is gone.
  @discardableResult
  package static func remove(_ name: String, in path: String) throws(SystemFault) -> Int {
    let parent = try Folder(path, followsLink: false)
    let name = Array(name.utf8CString)
    let size = try parent.folder(name, ofOwner: geteuid()).empty(depth: 0)
    try parent.unlink(name, AT_REMOVEDIR)
    return size
  }

  /// As it is on the disk, ended by 0: whatever bytes it has, the file is the one that is meant.
  private typealias Name = [CChar]

  /// An open folder; closed with the value.
  private struct Folder: ~Copyable {
    let path: String
    let descriptor: CInt
    let status: stat

    init(_ path: String, followsLink: Bool) throws(SystemFault) {
      let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (followsLink ? 0 : O_NOFOLLOW)
      try self.init(path, open(path, flags))
    }

    private init(_ path: String, _ descriptor: CInt) throws(SystemFault) {
      guard descriptor >= 0 else { throw SystemFault("open", path, code: errno) }
      var status = stat()
      fstat(descriptor, &status)
      (self.path, self.descriptor, self.status) = (path, descriptor, status)
    }

    deinit { close(self.descriptor) }

    /// - Parameter owner: Whose it has to be; `nil`: anybody's.
    func folder(_ name: Name, ofOwner owner: uid_t? = nil) throws(SystemFault) -> Self {
      let path = self.path(of: name)
      let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
      let folder = try Self(path, openat(self.descriptor, name, flags))
      guard owner.map({ $0 == folder.status.st_uid }) ?? true else {
        throw SystemFault("remove", path, code: EPERM)
      }
      guard folder.status.st_dev == self.status.st_dev else {
        throw SystemFault("leave the file system of", path, code: EXDEV)
      }
      return folder
    }

    /// For people.
    private func path(of name: Name) -> String {
      "\(self.path)/\(String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))"
    }

    func unlink(_ name: Name, _ flags: CInt) throws(SystemFault) {
      guard unlinkat(self.descriptor, name, flags) == 0 || errno == ENOENT else {
        throw SystemFault("remove", self.path(of: name), code: errno)
      }
    }

    func size(depth: Int) -> Int {
      var size = 0
      for (name, status) in self.entries {
        size += Int(status.st_blocks) * 512
        guard status.st_mode & S_IFMT == S_IFDIR, depth < FolderTree.depthMax,
          let inner = try? self.folder(name)
        else { continue }
        size += inner.size(depth: depth + 1)
      }
      return size
    }

    /// Removes what is in it.
    func empty(depth: Int) throws(SystemFault) -> Int {
      var size = 0
      for (name, status) in self.entries {
        size += Int(status.st_blocks) * 512
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        if isFolder {
          guard depth < FolderTree.depthMax else {
            throw SystemFault("go below", self.path, code: ELOOP)
          }
          size += try self.folder(name).empty(depth: depth + 1)
        }
        try self.unlink(name, isFolder ? AT_REMOVEDIR : 0)
      }
      return size
    }

    /// Without `.` and `..`; links as themselves.
    private var entries: [(name: Name, status: stat)] {
      // A second descriptor: that of the stream is closed with it.
      guard let stream = fdopendir(openat(self.descriptor, ".", O_RDONLY | O_CLOEXEC)) else {
        return []
      }
      defer { closedir(stream) }
      var entries: [(name: Name, status: stat)] = []
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          bytes.prefix { $0 != 0 }.map(CChar.init(bitPattern:)) + [0]
        }
        var status = stat()
        guard name != [46, 0], name != [46, 46, 0],
          fstatat(self.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0
        else { continue }
        entries.append((name, status))
      }
      return entries
    }
  }
}
