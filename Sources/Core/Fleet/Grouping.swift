extension Sequence {
  /// Elements of equal keys together: groups in the order of their first elements, elements in theirs.
  ///
  /// - Complexity: O(n) in elements times groups.
  package func grouped<Key: Equatable>(
    by key: (Element) throws -> Key
  ) rethrows -> [(key: Key, elements: [Element])] {
    try self.reduce(into: []) { groups, element in
      let key = try key(element)
      if let index = groups.firstIndex(where: { $0.key == key }) {
        groups[index].elements.append(element)
      } else {
        groups.append((key, [element]))
      }
    }
  }
}
