package import Fleet

/// One thing that is wrong with some nodes.
package struct PreflightFinding: Equatable, Sendable {
  /// In their order.
  package var nodes: [NodeName]
  /// Without the nodes in its summary.
  package var diagnostic: Diagnostic
  /// What differs from node to node, by node; shown for the first of them.
  package var details: [String]

  /// Causes of one diagnostic that are shown: the rest is more of the same.
  private static let detailCountMax = 3

  package var isError: Bool { self.diagnostic.severity == .error }

  /// The diagnostic with its nodes folded in front and the first details as causes.
  package var folded: Diagnostic {
    var diagnostic = self.diagnostic
    if !self.nodes.isEmpty {
      diagnostic.summary = "\(NodeSet(self.nodes).folded): \(diagnostic.summary)"
    }
    diagnostic.causes += self.details.prefix(Self.detailCountMax)
    let rest = self.details.count - Self.detailCountMax
    if rest > 0 { diagnostic.causes.append("\(rest) more like these") }
    return diagnostic
  }
}
