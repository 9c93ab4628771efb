import Testing

/// `muster nodes` as a user runs it.
@Suite struct NodesTests {
  private func nodes(_ arguments: String...) throws -> BuiltProgram.Ending {
    try BuiltProgram(executable: BuiltProgram.muster, arguments: ["nodes"] + arguments).run()
  }

  @Test func `sets are folded, expanded and counted`() throws {
    #expect(try self.nodes("gpu[01-21]!gpu07").output == "gpu[01-06,08-21]\n")
    #expect(try self.nodes("-f", "n2,n1", "n3").output == "n[1-3]\n")
    #expect(try self.nodes("-e", "n[8-11]").output == "n8 n9 n10 n11\n")
    #expect(try self.nodes("--expand", "-S", "\\n", "b,a").output == "a\nb\n")
    #expect(try self.nodes("--count", "n[8-11],x").output == "5\n")
    #expect(try self.nodes("n1!n1").output == "\n")
  }

  @Test func `a wrong expression is told with its column, and is status 1`() throws {
    let ending = try self.nodes("a,n[5-1]")
    #expect(ending.status == 1)
    #expect(ending.output == "")
    #expect(
      ending.talk == """
        error: node set `5-1`: a range ends below its begin
          --> <argument>:1:5
        hint: put the smaller number first

        """)
    #expect(try self.nodes("a", "b,@big").talk.contains("--> <argument 2>:1:3\n"))
  }

  @Test func `standard input has an answer for each line, an empty one where it is wrong`() throws {
    let script = #"printf 'n3 n[1-2]\nn[5-1]\n\ngpu01,gpu02' | "$0" nodes -"#
    let ending = try BuiltProgram(
      executable: "/bin/sh", arguments: ["-c", script, BuiltProgram.muster]
    ).run()
    #expect(ending.status == 1)
    #expect(ending.output == "n[1-3]\n\n\ngpu[01-02]\n")
    #expect(ending.talk.contains("--> <stdin>:2:3\n"))
  }

  @Test func `two answers at once are a wrong command line`() throws {
    #expect(try self.nodes("-e", "-c", "a").status == 64)
    #expect(try self.nodes().status == 64)
  }
}
