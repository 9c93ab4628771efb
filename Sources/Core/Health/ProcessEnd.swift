/// How a process came to its end.
package enum ProcessEnd: Equatable, Sendable {
  /// 0 ... 255.
  case exited(status: Int32)
  /// The number of the signal.
  case signalled(Int32)
  /// Whoever waited for it was killed before.
  case unknown
}

extension ProcessEnd: CustomStringConvertible {
  package var description: String {
    switch self {
    case .exited(let status): "ended with status \(status)"
    case .signalled(let signal): "was ended by signal \(signal)"
    case .unknown: "ended with a status that nobody learnt"
    }
  }
}
