/// The name of a node in the manifest, such as `gpu07`: ordered as people count, so that `gpu9` comes
/// before `gpu10`.
package struct NodeName: Hashable, Sendable, CustomStringConvertible {
  package let rawValue: String

  package init(_ rawValue: String) {
    self.rawValue = rawValue
  }

  package var description: String { self.rawValue }
}

extension NodeName: Comparable {
  package static func < (lhs: Self, rhs: Self) -> Bool {
    lhs.rawValue < rhs.rawValue
  }
}
