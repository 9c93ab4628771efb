import Glibc

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
