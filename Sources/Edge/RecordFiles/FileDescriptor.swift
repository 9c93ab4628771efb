import Glibc

/// An open file: the calls of POSIX with their short writes, interruptions and errors minded. Every
/// call blocks. Closed with the value.
package struct FileDescriptor: ~Copyable, Sendable {
  package let path: String
  private let descriptor: CInt

  /// Opens the file; one that is created is its owner's alone (mode 0600).
  ///
  /// - Parameter flags: As for open(2); close-on-exec is added.
  package init(path: String, flags: CInt) throws(FileFault) {
    self.path = path
    self.descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o600)
    guard self.descriptor >= 0 else {
      throw FileFault(path: path, operation: "open", errno: errno)
    }
  }

  deinit { _ = Glibc.close(self.descriptor) }

  /// Its size in bytes.
  package func size() throws(FileFault) -> Int {
    var status = stat()
    guard fstat(self.descriptor, &status) == 0 else { throw self.fault("stat") }
    return Int(status.st_size)
  }

  /// Fills `buffer` from `offset` on.
  ///
  /// - Returns: How many bytes there were: fewer than asked for only at the end of the file.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileFault)
    -> Int
  {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(self.descriptor, rest.baseAddress, rest.count, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw self.fault("read") }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// The bytes of `range` of the file, fewer at its end.
  package func bytes(_ range: Range<Int>) throws(FileFault) -> [UInt8] {
    var fault: FileFault?
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      do throws(FileFault) {
        count = try self.read(into: UnsafeMutableRawBufferPointer(buffer), at: range.lowerBound)
      } catch {
        fault = error
      }
    }
    if let fault { throw fault }
    return bytes
  }

  /// Writes all of `bytes` at `offset`.
  package func write(_ bytes: [UInt8], at offset: Int) throws(FileFault) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
        return pwrite(self.descriptor, rest.baseAddress, rest.count, off_t(offset + done))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw self.fault("write") }
      done += count
    }
  }

  /// Returns when what was written survives a crash of the machine.
  package func synchronize() throws(FileFault) {
    guard fdatasync(self.descriptor) == 0 else { throw self.fault("sync") }
  }

  package func truncate(to size: Int) throws(FileFault) {
    guard ftruncate(self.descriptor, off_t(size)) == 0 else { throw self.fault("truncate") }
  }

  /// Takes the exclusive lock of the file, which ends with the process.
  ///
  /// - Parameter waits: For as long as another has it.
  /// - Returns: `false` when another has it.
  package func lock(waits: Bool = false) throws(FileFault) -> Bool {
    while flock(self.descriptor, waits ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK { return false }
      guard errno == EINTR else { throw self.fault("lock") }
    }
    return true
  }

  private func fault(_ operation: String) -> FileFault {
    FileFault(path: self.path, operation: operation, errno: errno)
  }
}

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
  package var isDiskFull: Bool { [ENOSPC, EDQUOT, EFBIG].contains(self.errno) }
}
