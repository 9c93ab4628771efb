package import Glibc

/// An open file: the calls of POSIX with their short writes, interruptions and errors minded. Every
/// call blocks. Closed with the value.
package struct OpenFile: ~Copyable, Sendable {
  package let path: String
  /// For calls that are not here; not to be closed.
  package let number: CInt

  /// Opens the file; one that is created is its owner's alone (mode 0600).
  ///
  /// - Parameter flags: As for open(2); close-on-exec is added.
  package init(path: String, flags: CInt, mode: UInt32 = 0o600) throws(SystemFault) {
    self.path = path
    self.number = try SystemFault.check("open", path) {
      Glibc.open(path, flags | O_CLOEXEC, mode)
    }
  }

  deinit { _ = Glibc.close(self.number) }

  package func status() throws(SystemFault) -> stat {
    var status = stat()
    try SystemFault.check("look at", self.path) { fstat(self.number, &status) }
    return status
  }

  /// Its size in bytes.
  package func size() throws(SystemFault) -> Int { Int(try self.status().st_size) }

  /// The bytes of `range` of the file, fewer only at its end.
  package func bytes(_ range: Range<Int>) throws(SystemFault) -> [UInt8] {
    var fault: SystemFault?
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      do throws(SystemFault) {
        while count < buffer.count {
          let rest = UnsafeMutableBufferPointer(rebasing: buffer[count...])
          let read = try SystemFault.check("read", self.path) {
            pread(self.number, rest.baseAddress, rest.count, off_t(range.lowerBound + count))
          }
          if read == 0 { break }
          count += read
        }
      } catch {
        fault = error
      }
    }
    if let fault { throw fault }
    return bytes
  }

  /// Writes all of `bytes` at `offset`.
  package func write(_ bytes: [UInt8], at offset: Int) throws(SystemFault) {
    try PlainFile.writeAll(bytes, named: self.path) { rest, done in
      pwrite(self.number, rest.baseAddress, rest.count, off_t(offset + done))
    }
  }

  /// Copies `range` to `target` from `offset` on, as far as there is any.
  package func copy(
    _ range: Range<Int>, to target: borrowing OpenFile, at offset: Int
  ) throws(SystemFault) {
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 20) {
      let bytes = try self.bytes(start..<min(start + (1 << 20), range.upperBound))
      try target.write(bytes, at: offset + start - range.lowerBound)
    }
  }

  /// Returns when what was written survives a crash of the machine.
  package func synchronize() throws(SystemFault) {
    try SystemFault.check("sync", self.path) { fdatasync(self.number) }
  }

  package func truncate(to size: Int) throws(SystemFault) {
    try SystemFault.check("truncate", self.path) { ftruncate(self.number, off_t(size)) }
  }

  /// Takes the exclusive lock of the file, which ends with the value.
  ///
  /// - Parameter waits: For as long as another has it.
  /// - Returns: `false` when another has it.
  package func lock(waits: Bool = false) throws(SystemFault) -> Bool {
    while flock(self.number, waits ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK { return false }
      guard errno == EINTR else { throw SystemFault("lock", self.path, code: errno) }
    }
    return true
  }
}

/// A call of the system that went wrong.
package struct SystemFault: Error, Equatable, CustomStringConvertible {
  /// Reads after "cannot", and before ``path``.
  package var operation: String
  /// Empty where it is about no file, or ``operation`` says all.
  package var path: String
  package var code: Int32

  package init(_ operation: String, _ path: String = "", code: Int32) {
    (self.operation, self.path, self.code) = (operation, path, code)
  }

  /// The system's own words for ``code``.
  package var reason: String { String(cString: strerror(self.code)) }
  package var description: String {
    "cannot \(self.operation)\(self.path.isEmpty ? "" : " \(self.path)"): \(self.reason)"
  }

  /// Repeats a system call while signals interrupt it.
  ///
  /// - Returns: What `call` returned, at least 0.
  @discardableResult
  package static func check<Number: SignedInteger>(
    _ operation: @autoclosure () -> String, _ path: String = "", _ call: () -> Number
  ) throws(SystemFault) -> Number {
    while true {
      let result = call()
      if result >= 0 { return result }
      let code = errno
      if code != EINTR { throw SystemFault(operation(), path, code: code) }
    }
  }

  /// The two ends of a new pipe, closed when a program is started; both the caller's to close.
  package static func checkedPipe() throws(SystemFault) -> (reading: CInt, writing: CInt) {
    var ends: [CInt] = [-1, -1]
    try Self.check("make a pipe") { pipe(&ends) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }
}
