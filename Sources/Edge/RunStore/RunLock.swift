import Glibc
import RecordFiles

/// The right to work on a run, of one process at a time; ends with the value, or with the process
/// however that ends. The kernel keeps it (flock), so that no stale lock can remain.
package struct RunLock: ~Copyable {
  private let file: FileDescriptor

  /// - Parameter holder: Who takes it, for the one who does not get it: `user@host pid 4711`.
  /// - Throws: `RunStoreError.locked` with the present holder.
  package init(_ run: RunDirectory, holder: String) throws(RunStoreError) {
    let path = "\(run.path)/lock"
    let other: String
    do throws(FileFault) {
      let file = try FileDescriptor(path: path, flags: O_RDWR | O_CREAT)
      if try file.lock() {
        try file.truncate(to: 0)
        try file.write(Array("\(holder)\n".utf8), at: 0)
        self.file = file
        return
      }
      other = String(decoding: try file.bytes(0..<256), as: UTF8.self)
    } catch {
      throw .file(error)
    }
    throw .locked(path: path, holder: String(other.prefix { $0 != "\n" }))
  }

  /// Who works on a run now; `nil`: nobody does. Where that cannot be known, such as of another user's
  /// run, the reason stands for them.
  package static func holder(of run: RunDirectory) -> String? {
    do throws(FileFault) {
      let file = try FileDescriptor(path: "\(run.path)/lock", flags: O_RDONLY)
      if try file.lock() { return nil }
      return String(decoding: try file.bytes(0..<256), as: UTF8.self).split(separator: "\n").first
        .map(String.init) ?? "?"
    } catch {
      return error.errno == ENOENT ? nil : "somebody: \(error)"
    }
  }
}
