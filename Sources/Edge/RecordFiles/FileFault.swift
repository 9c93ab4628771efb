/// A file system call that did not do what was asked.
package struct FileFault: Error, Equatable {
  package var path: String
  /// What was being done, as an infinitive: `write`, `rename`.
  package var operation: String
  package var errno: Int32

  package init(path: String, operation: String, errno: Int32) {
    self.path = path
    self.operation = operation
    self.errno = errno
  }

  /// No room on the disk, in the quota, or below the process's own limit for the size of a file.
  package var isDiskFull: Bool { FileDescriptor.isDiskFull(self.errno) }
}
