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

  deinit {
    nftw(self.path, { path, _, _, _ in path.map { remove($0) } ?? -1 }, 16, FTW_DEPTH | FTW_PHYS)
  }
}
