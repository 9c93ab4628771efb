/// A set of nodes, written folded: `gpu[01-08,11]`.
package struct NodeSet: Equatable, Sendable {
  /// In the order of node sets, without duplicates.
  package var names: [NodeName]

  package init(_ names: some Sequence<NodeName>) {
    self.names = Array(Set(names)).sorted()
  }

  /// Folded: `gpu[01-08,11]`; empty for the empty set.
  package var folded: String {
    self.names.map(\.rawValue).joined(separator: ",")
  }
}
