/// Why the program on a node cannot do what it was asked, where no system call is to blame.
package enum NodeAgentError: Error, Equatable {
  /// The command line is wrong; the text says how.
  case usage(String)
  /// No folder on this machine can hold the socket; one reason for each that was tried.
  case noRuntimeFolder(reasons: [String])
  /// The daemon ended before it listened; the end of what it wrote.
  case daemonDidNotStart(log: String)
  /// One that has lost its socket outlives KILL: its process.
  case daemonLivesOn(Int32)
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
    case .usage(let text): text
    case .noRuntimeFolder(let reasons):
      "no folder for the daemon's socket: \(reasons.joined(separator: "; "))"
    case .daemonDidNotStart(let log):
      "the daemon ended before it listened" + (log.isEmpty ? "" : ": \(log)")
    case .daemonLivesOn(let process):
      "the run's daemon, pid \(process), has lost its socket and outlives KILL: end it by hand"
    case .launchFailed(let reason): reason
    case .portTaken(let port, let owner): "port \(port) is taken by \(owner)"
    case .wrongHash(let expected, let actual):
      "this program's SHA-256 is `\(actual)`, not `\(expected)`: the upload is damaged"
    }
  }
}
