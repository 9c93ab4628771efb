/// A set of nodes, written folded: `gpu[01-08,11]`.
///
/// Reads and prints what ClusterShell's `nodeset` does (1.9; sets with one number in a name have the
/// same text, byte for byte).
package struct NodeSet: Equatable, Sendable {
  /// In the order of ``NodeName``, without duplicates.
  package let names: [NodeName]

  package init(_ names: some Sequence<NodeName>) {
    let names = Array(names)
    self.names = Self.isAscending(names) ? names : Array(Set(names)).sorted()
  }

  /// The set that an expression such as `gpu[01-21]!gpu07,@login` means; of blanks the empty one.
  ///
  /// Operators have no precedence, they apply from left to right: `,` or white space adds, `!` takes
  /// away, `&` keeps what both have, `^` what exactly one has. `[1,3-9,20-40/4]` is a list of
  /// numbers, with leading zeros where they are written.
  ///
  /// - Parameter groups: The nodes of the group `name`, given without its `@`; `nil` where there is
  ///   none. Called once for each place where a group is named.
  package init(
    parsing expression: String, groups: (String) -> NodeSet? = { _ in nil }
  ) throws(NodeSetError) {
    var parser = try NodeSetParser(expression)
    self.init(try parser.parse(groups: groups))
  }

  /// Folded: `gpu[01-08,11]`; empty for the empty set.
  package var folded: String { NodeSetFolding.text(of: self.names) }

  package var isEmpty: Bool { self.names.isEmpty }

  package var count: Int { self.names.count }

  package func union(_ other: NodeSet) -> NodeSet {
    NodeSet(self.names + other.names)
  }

  private static func isAscending(_ names: [NodeName]) -> Bool {
    zip(names, names.dropFirst()).allSatisfy { $0 < $1 }
  }
}

extension NodeSet: CustomStringConvertible {
  /// ``folded``.
  package var description: String { self.folded }
}

/// What a node set expression may cost: it may come from a file that somebody else wrote.
package enum NodeSetLimits {
  /// Names in one set. Sixteen times the largest fleet that is planned for (4096 nodes).
  package static let countMax = 65_536

  /// Names over all operands of an expression, so that `a[1-65536],a[1-65536],…` ends soon.
  package static let operandCountMax = 16 * Self.countMax

  /// Bytes of an expression: the largest set, not folded, with names of 16 bytes.
  package static let expressionSizeMax = 1 << 20

  /// Digits of a number, so that numbers fit in `Int`.
  package static let digitCountMax = 18

  /// Bytes of a name: those of a host name. Source: RFC 1035, section 2.3.4.
  package static let nameSizeMax = 253
}
