import Glibc

/// A folder for one test, removed with it.
final class ScratchFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/muster-test-XXXXXX".utf8CString)
    self.path = template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, mkdtemp(base) != nil else { return "" }
      return String(cString: base)
    }
    precondition(!self.path.isEmpty, "no scratch folder")
  }

  deinit { Self.remove(self.path) }

  private static func remove(_ path: String) {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { Self.remove("\(path)/\(name)") }
      }
      closedir(folder)
    }
    Glibc.remove(path)
  }
}
