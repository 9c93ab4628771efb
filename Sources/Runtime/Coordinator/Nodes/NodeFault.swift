package import Fleet
import GRPCCore

/// Why a node cannot be worked with now.
package struct NodeFault: Error, Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// Trying again cannot help: a changed host key, a refused login, another architecture.
    case refused
    /// The link did not open in time, or broke; what runs on the node is not known to have changed.
    case unreachable
    /// Another coordinator holds the run.
    case held
  }

  package var node: String
  package var kind: Kind
  /// Without the node's name in its summary, so that equal ones of many nodes fold into one.
  package var diagnostic: Diagnostic

  package init(node: String, kind: Kind, _ diagnostic: Diagnostic) {
    self.node = node
    self.kind = kind
    self.diagnostic = diagnostic
  }

  /// What a failed call says, where the link itself has not said more.
  init(node: String, call: String, error: any Error) {
    guard let error = error as? RPCError else {
      self.init(
        node: node, kind: .unreachable,
        Diagnostic(code: "link-lost", "the link broke during `\(call)`", causes: ["\(error)"]))
      return
    }
    switch error.code {
    case .aborted:
      self.init(
        node: node, kind: .held,
        Diagnostic(
          code: "run-held", "another coordinator holds the run", causes: [error.message],
          hints: [
            "wait for it to finish, or end it there; `muster down` takes the run over and ends it"
          ]))
    case .failedPrecondition, .invalidArgument, .permissionDenied, .unimplemented:
      self.init(
        node: node, kind: .refused,
        Diagnostic(code: "agent-refused", "the agent refuses `\(call)`", causes: [error.message]))
    default:
      self.init(
        node: node, kind: .unreachable,
        Diagnostic(
          code: "link-lost", "the link broke during `\(call)`",
          causes: ["\(error.code): \(error.message)"]))
    }
  }
}

extension [NodeFault] {
  /// One diagnostic for each group of equal faults, its nodes folded in front.
  package func folded() -> [Diagnostic] {
    self.grouped(by: \.diagnostic).map { diagnostic, faults in
      var diagnostic = diagnostic
      let nodes = NodeSet(faults.map { NodeName($0.node) }).folded
      diagnostic.summary = "\(nodes): \(diagnostic.summary)"
      return diagnostic
    }
  }
}
