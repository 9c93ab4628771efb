import Fleet
import Testing

@Suite struct NodeGroupsTests {
  @Test func `groups name groups, in any order`() throws {
    let groups = try NodeGroups([
      ("all", "@big,@small"), ("big", "gpu[01-04]"), ("small", "@big&gpu[03-09],login"),
    ])
    #expect(groups.names == ["all", "big", "small"])
    let set = try NodeSet(parsing: "@all!gpu01", groups: groups.nodes(of:))
    #expect(set.folded == "gpu[02-04],login")
    #expect(try NodeSet(parsing: "@small,gpu07", groups: groups.nodes(of:)).count == 4)
  }

  @Test func `a group's name may have a range`() throws {
    let groups = try NodeGroups([("rack1", "n[1-2]"), ("rack2", "n[3-4]")])
    #expect(try NodeSet(parsing: "@rack[1-2]", groups: groups.nodes(of:)).folded == "n[1-4]")
  }

  @Test func `a cycle is named whole`() {
    #expect(
      throws: NodeGroups.Fault(
        group: "a", error: NodeSetError(.groupCycle(["a", "b", "a"]), column: 4, text: "@b"))
    ) {
      try NodeGroups([("a", "n1,@b"), ("b", "@c,@a"), ("c", "n2")])
    }
    #expect(
      throws: NodeGroups.Fault(
        group: "a", error: NodeSetError(.groupCycle(["a", "a"]), column: 1, text: "@a"))
    ) {
      try NodeGroups([("a", "@a")])
    }
  }

  @Test func `an unknown group has the nearest known one as its hint`() throws {
    let groups = try NodeGroups([("big", "n1"), ("login", "n2")])
    let error = #expect(throws: NodeSetError.self) {
      try NodeSet(parsing: "n1,@bgi", groups: groups.nodes(of:))
    }
    #expect(error == NodeSetError(.unknownGroup(nearest: "big"), column: 4, text: "@bgi"))
    #expect(error?.hint == "did you mean `@big`?")
  }

  @Test func `an error inside a group says so where the group is named`() {
    #expect(
      throws: NodeGroups.Fault(
        group: "a",
        error: NodeSetError(
          .insideGroup(summary: "`5-1`: a range ends below its begin"), column: 4, text: "@b"))
    ) {
      try NodeGroups([("a", "n1,@b"), ("b", "n[5-1]")])
    }
  }

  @Test func `groups are nested so deep and no deeper`() throws {
    let chain = (0..<40).map { (name: "g\($0)", expression: "@g\($0 + 1)") } + [("g40", "n1")]
    let fault = #expect(throws: NodeGroups.Fault.self) { try NodeGroups(chain) }
    #expect(fault?.error.problem == .groupsTooDeep)
    let doubling =
      (1..<30).reversed().map { (name: "g\($0)", expression: "@g\($0 - 1),@g\($0 - 1)") }
      + [("g0", "n[1-4]")]
    let groups = try NodeGroups(doubling)
    #expect(try groups.nodes(of: "g29")?.folded == "n[1-4]")
  }
}
