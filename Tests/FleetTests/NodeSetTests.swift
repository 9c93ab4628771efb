import Fleet
import Testing

@Suite struct NodeSetTests {
  private func set(_ expression: String) throws -> NodeSet { try NodeSet(parsing: expression) }

  @Test(arguments: [
    ("", ""),
    ("  ", ""),
    ("gpu07", "gpu07"),
    ("gpu[01-03]", "gpu[01-03]"),
    ("gpu03,gpu01 gpu02", "gpu[01-03]"),
    ("n[8-10]", "n[8-10]"),
    ("n[08-10]", "n[08-10]"),
    ("n[8-10],n[08-10]", "n[8-9,08-10]"),
    ("n[1-9,01]", "n[1-9,01]"),
    ("n1,n01,n001", "n[1,01,001]"),
    ("n[0-8/2]", "n[0,2,4,6,8]"),
    ("n[ 1 , 2 - 4 ]", "n[1-4]"),
    ("n[08,10-100]", "n[08,10-99,100]"),
    ("n[01-02,10-100]", "n[01-02,10-100]"),
    ("n[1-3]5", "n[15,25,35]"),
    ("n5[1-3]", "n[51-53]"),
    ("n0[1-3]", "n[01-03]"),
    ("n5[8,10]", "n[58,510]"),
    ("[1-3]", "[1-3]"),
    ("login,n2,n1", "login,n[1-2]"),
    ("n[1-2]-ib,n[1-2],n", "n,n[1-2],n[1-2]-ib"),
    ("foo1bar2,foo2bar2,foo1bar3", "foo1bar[2-3],foo2bar2"),
    ("r[1-2]n[01-16]", "r[1-2]n[01-16]"),
    ("a[1,3-5]b[1-2]", "a[1,3-5]b[1-2]"),
  ])
  func `an expression folds to one text`(expression: String, folded: String) throws {
    let expected = folded
    #expect(try self.set(expression).folded == expected)
    #expect(try self.set(expected).folded == expected)
  }

  @Test(arguments: [
    ("n[1-9]&n[2-3]^n[2-4],n9!n3", "n[4,9]"),
    ("a,b!b", "a"),
    ("b!b,a", "a"),
    ("a!b,b", "a-b"),
    ("a , b", "a-b"),
    ("a b ! a", "b"),
    ("n[1-4]&n[3-6]", "n[3-4]"),
    ("n[1-4]^n[3-6]", "n[1-2,5-6]"),
    ("n1!n1", ""),
  ])
  func `operators apply from left to right`(expression: String, folded: String) throws {
    let expected = folded == "a-b" ? "a,b" : folded
    #expect(try self.set(expression).folded == expected)
  }

  @Test func `names stand in the order in which people count`() throws {
    let names = ["n10", "n9", "n01", "n1-ib", "n2", "m", "n"].map { NodeName($0) }
    #expect(names.sorted().map(\.rawValue) == ["m", "n", "n2", "n9", "n01", "n10", "n1-ib"])
    #expect(NodeSet(names + names).names == names.sorted())
    #expect(NodeName("gpu9") < NodeName("gpu10"))
    #expect(NodeName("r2n10") < NodeName("r10n1"))
    #expect(!(NodeName("n1") < NodeName("n1")))
  }

  @Test func `numbers too long to count are kept as they are`() {
    let digits = String(repeating: "9", count: 30)
    let names = ["n\(digits)8", "n\(digits)9", "n1"].map { NodeName($0) }
    #expect(NodeSet(names).folded == "n[1,\(digits)8,\(digits)9]")
  }

  @Test func `sets combine`() throws {
    let (a, b) = (try self.set("n[1-4]"), try self.set("n[3-6]"))
    #expect(a.union(b).folded == "n[1-6]")
    #expect(a.count == 4 && !a.isEmpty && NodeSet([]).isEmpty)
  }

  @Test func `the largest set is read and folded, one more is refused`() throws {
    #expect(try self.set("n[1-65536]").folded == "n[1-65536]")
    #expect(try self.set("r[1-256]n[1-256]").folded == "r[1-256]n[1-256]")
    for expression in ["n[1-65537]", "n[1-999999999]", "n[1-65536],m", "a[1-300]b[1-300]"] {
      #expect(throws: NodeSetError.self) { try self.set(expression) }
    }
    #expect(throws: NodeSetError.self) { try self.set("n[0-999999999999999999]") }
  }

  @Test func `a group's name may have a range`() throws {
    let racks = [
      "rack1": NodeSet([NodeName("n1"), NodeName("n2")]), "rack2": NodeSet([NodeName("n4")]),
    ]
    #expect(try NodeSet(parsing: "@rack[1-2]!n2", groups: { racks[$0] }).folded == "n[1,4]")
    #expect(throws: NodeSetError(.unknownGroup, column: 1, text: "@rack3")) {
      try NodeSet(parsing: "@rack[1-3]", groups: { racks[$0] })
    }
  }
}
