import Glibc
import OperatingSystem

/// Finds a program as a shell does.
enum ProgramSearch {
  /// - Parameters:
  ///   - name: With a slash it is a path; else it is looked for in the folders of `path`.
  ///   - path: Folders with colons between them; empty ones are left out.
  /// - Throws: `SystemFault`, told apart: no such program, or one that may not be executed.
  static func path(of name: String, searching path: String) throws(SystemFault) -> String {
    if name.contains("/") {
      if let code = Self.fault(of: name) { throw SystemFault("start `\(name)`", code: code) }
      return name
    }
    var refused: String?
    for folder in path.split(separator: ":") {
      let candidate = "\(folder)/\(name)"
      switch Self.fault(of: candidate) {
      case nil: return candidate
      case EACCES: refused = refused ?? candidate
      default: continue
      }
    }
    if let refused { throw SystemFault("start `\(refused)`", code: EACCES) }
    throw SystemFault("find `\(name)` in PATH `\(path)`", code: ENOENT)
  }

  private static func fault(of path: String) -> CInt? {
    var status = stat()
    guard stat(path, &status) == 0 else { return errno }
    guard status.st_mode & S_IFMT == S_IFREG else { return EACCES }
    return access(path, X_OK) == 0 ? nil : errno
  }
}
