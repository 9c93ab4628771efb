import Glibc
import OperatingSystem

/// What a run needs of folders.
enum Folder {
  /// Makes a folder of its owner's alone, below one that is there.
  static func make(_ path: String) throws(SystemFault) {
    try SystemFault.check("make the folder", path) { mkdir(path, 0o700) }
    try PlainFile.syncFolder(of: path)
  }

  /// Makes a folder and those above it that are not there.
  static func makeAll(_ path: String) throws(SystemFault) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      let part = String(path[..<end])
      if access(part, F_OK) == 0 { continue }
      do throws(SystemFault) {
        try Self.make(part)
      } catch  where error.code == EEXIST {
        // Another process made it in between, which is as good.
      }
    }
  }

  /// Points a symbolic link at `target`, in one step.
  static func link(_ target: String, at path: String) throws(SystemFault) {
    let temporary = "\(path).\(getpid()).new"
    unlink(temporary)
    try SystemFault.check("link", path) { symlink(target, temporary) }
    try PlainFile.rename(temporary, to: path)
  }

  /// What a symbolic link of ``link(_:at:)`` points at; `nil` where there is none.
  static func target(of path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = bytes.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { readlink(path, $0.baseAddress, $0.count) }
    }
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }
}
