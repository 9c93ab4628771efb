import Fleet
import Testing

@Suite struct NodeSetPropertyTests {
  @Test(arguments: [1, 2]) func `what is folded reads as the same set`(dimensions: Int) throws {
    var random = RandomExpression(random: SplitMix64(state: 11))
    var readCount = 0
    for _ in 0..<500 {
      let expression = random.next(dimensions: dimensions)
      guard let set = try? NodeSet(parsing: expression), set.count < 500 else { continue }
      #expect(try NodeSet(parsing: set.folded) == set, "\(expression)")
      #expect(NodeSet(set.names.reversed()) == set)
      readCount += 1
    }
    #expect(readCount > 200)
  }

  @Test func `operators are the set operations of their sides`() throws {
    var random = RandomExpression(random: SplitMix64(state: 12))
    for _ in 0..<300 {
      let (left, right) = (random.next(dimensions: 1), random.next(dimensions: 1))
      guard let a = try? NodeSet(parsing: left), let b = try? NodeSet(parsing: right),
        !a.isEmpty, !b.isEmpty
      else { continue }
      let groups = { (name: String) -> NodeSet? in name == "a" ? a : b }
      #expect(try NodeSet(parsing: "@a,@b", groups: groups) == a.union(b))
      #expect(
        try NodeSet(parsing: "@a!@b", groups: groups) == NodeSet(Set(a.names).subtracting(b.names)))
      #expect(
        try NodeSet(parsing: "@a&@b", groups: groups) == NodeSet(Set(a.names).intersection(b.names))
      )
      #expect(
        try NodeSet(parsing: "@a^@b", groups: groups)
          == NodeSet(Set(a.names).symmetricDifference(b.names)))
    }
  }

  @Test func `the order of names is total`() {
    let names = ["", "n", "n1", "n01", "n10", "n9", "n1-ib", "n%", "n$", "1", "01", "1n", "n1n2"]
      .map { NodeName($0) }
    for a in names {
      for b in names {
        #expect((a < b ? 1 : 0) + (b < a ? 1 : 0) + (a == b ? 1 : 0) == 1, "\(a) \(b)")
        for c in names where a < b && b < c { #expect(a < c) }
      }
    }
  }
}
