import Glibc
import OperatingSystem
import RecordFiles

/// What a run needs of folders.
enum Folder {
  /// Makes a folder of its owner's alone, below one that is there.
  static func make(_ path: String) throws(FileFault) {
    guard mkdir(path, 0o700) == 0 else {
      throw FileFault(path: path, operation: "make the folder", errno: errno)
    }
    try DurableFile.synchronizeFolder(of: path)
  }

  /// Makes a folder and those above it that are not there.
  static func makeAll(_ path: String) throws(FileFault) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      let part = String(path[..<end])
      if access(part, F_OK) == 0 { continue }
      do throws(FileFault) {
        try Self.make(part)
      } catch  where error.errno == EEXIST {
        // Another process made it in between, which is as good.
      }
    }
  }

  /// Names in a folder without `.` and `..`, in the order of their bytes.
  static func names(in path: String) throws(FileFault) -> [String] {
    do throws(SystemFault) {
      return try PlainFile.names(in: path)
    } catch {
      throw FileFault(path: path, operation: "list", errno: error.code)
    }
  }

  /// Points a symbolic link at `target`, in one step.
  static func link(_ target: String, at path: String) throws(FileFault) {
    let temporary = "\(path).\(getpid()).new"
    unlink(temporary)
    guard symlink(target, temporary) == 0 else {
      throw FileFault(path: path, operation: "link", errno: errno)
    }
    try DurableFile.rename(temporary, to: path)
  }
}
