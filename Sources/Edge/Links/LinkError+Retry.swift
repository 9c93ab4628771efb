package import Fleet
import SSH

extension LinkError {
  /// Whether trying again may help: the network may come back, a host may start.
  package var mayPass: Bool {
    switch self {
    case .unreachable, .noAnswer, .endedEarly, .cancelled: true
    case .ssh(let error, address: _, unusable: _):
      switch error {
      case .disconnected: true
      default: false
      }
    case .nameNotResolved, .connectionRefused, .noUsableKey, .knownHosts, .otherArchitecture,
      .noPlaceForAgent, .noise, .otherProtocol, .agentImage, .programNotStarted, .name:
      false
    }
  }

  /// The diagnostic without a node in front, so that equal ones of many nodes fold.
  package var unnamedDiagnostic: Diagnostic {
    var diagnostic = self.diagnostic(nodes: "")
    if diagnostic.summary.hasPrefix(": ") { diagnostic.summary.removeFirst(2) }
    return diagnostic
  }
}
