import Glibc

/// Why the program on a node cannot do what it was asked.
package enum NodeAgentError: Error, Equatable {
  /// A system call went wrong; `operation` reads after "cannot".
  case system(operation: String, code: Int32)
  /// The command line is wrong; the text says how.
  case usage(String)
  /// No folder on this machine can hold the socket; one reason for each that was tried.
  case noRuntimeFolder(reasons: [String])
  /// The daemon ended before it listened; the end of what it wrote.
  case daemonDidNotStart(log: String)
  /// A replica's process was not started; the exact reason.
  case launchFailed(String)
  /// Somebody listens on a port of a replica before it is started; who, in words.
  case portTaken(Int, by: String)
  /// This program is not the one it should be.
  case wrongHash(expected: String, actual: String)
}

extension NodeAgentError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .system(let operation, let code):
      "cannot \(operation): \(String(cString: strerror(code)))"
    case .usage(let text): text
    case .noRuntimeFolder(let reasons):
      "no folder for the daemon's socket: \(reasons.joined(separator: "; "))"
    case .daemonDidNotStart(let log):
      "the daemon ended before it listened" + (log.isEmpty ? "" : ": \(log)")
    case .launchFailed(let reason): reason
    case .portTaken(let port, let owner): "port \(port) is taken by \(owner)"
    case .wrongHash(let expected, let actual):
      "this program's SHA-256 is `\(actual)`, not `\(expected)`: the upload is damaged"
    }
  }

  /// Repeats a system call while signals interrupt it.
  ///
  /// - Parameter operation: Reads after "cannot".
  /// - Returns: What `call` returned, at least 0.
  @discardableResult
  static func check(
    _ operation: @autoclosure () -> String, _ call: () -> CInt
  ) throws(NodeAgentError) -> CInt {
    while true {
      let result = call()
      if result >= 0 { return result }
      let code = errno
      if code != EINTR { throw NodeAgentError.system(operation: operation(), code: code) }
    }
  }
}
