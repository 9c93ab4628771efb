import Testing

/// Each rule finds a small violation, and only that.
@Suite struct KnowledgeRulesTests {
  @Test(arguments: [
    ("Sources/Core/Plan/A.swift", "let a = \"VLLM_HOST_IP\""),
    ("Sources/Core/Health/A.swift", "case vllm"),
    ("Sources/Runtime/NodeAgent/A.swift", "let a = \"vllm:num_requests\""),
    ("Sources/Core/Rollouts/A.swift", "var difficulty = 1"),
    ("Sources/Core/Rollouts/A.swift", "let a = SimulatorJob()"),
  ])
  func `a kind in the wrong place is found`(path: String, line: String) {
    #expect(KnowledgeRules.kindsStayWithTheirOwners(SourceFile(path, line)).count == 1)
    #expect(KnowledgeRules.kindsStayWithTheirOwners(SourceFile(path, "// \(line)")) == [])
    let home = SourceFile("Sources/Core/Recipes/A.swift", line)
    #expect(KnowledgeRules.kindsStayWithTheirOwners(home) == [])
    let elsewhere = SourceFile("Sources/Surface/Commands/A.swift", line)
    #expect(KnowledgeRules.kindsStayWithTheirOwners(elsewhere) == [])
  }

  @Test func `a hint may say what to write`() {
    let file = SourceFile("Sources/Core/Manifest/A.swift", #"let a = "write `recipe: vllm`""#)
    #expect(KnowledgeRules.kindsStayWithTheirOwners(file) == [])
  }

  @Test(arguments: [
    #"fault.causes.contains { $0.contains("is live on this node") }"#,
    #"if summary.contains("held by") {"#, #"text.contains("no such run: `x`")"#,
  ])
  func `a fault that is known by its words is found`(line: String) {
    for path in ["Sources/Runtime/Coordinator/A.swift", "Sources/Surface/Commands/A.swift"] {
      #expect(KnowledgeRules.faultsAreTyped(SourceFile(path, line)).count == 1)
    }
    #expect(KnowledgeRules.faultsAreTyped(SourceFile("Sources/Edge/SSH/A.swift", line)) == [])
  }

  @Test(arguments: [
    #"line.contains(" WARNING ")"#, #"$0.contains("NVRM: Xid (")"#, #"set.contains("name")"#,
    #"// text.contains("held by")"#, #"text.contains(where: { $0 == "a b" })"#,
  ])
  func `what only looks for a word is left alone`(line: String) {
    #expect(KnowledgeRules.faultsAreTyped(SourceFile("Sources/Runtime/A/B.swift", line)) == [])
  }

  @Test func `a command that opens journals or links is found`() {
    let text = "import RunStore\nimport Links\nimport GRPCCore\nimport Coordinator"
    let command = SourceFile("Sources/Surface/Commands/A.swift", text)
    #expect(KnowledgeRules.commandsStayThin(command).count == 3)
    let runtime = SourceFile("Sources/Runtime/Coordinator/A.swift", text)
    #expect(KnowledgeRules.commandsStayThin(runtime) == [])
  }

  @Test func `a long file with a command is found`() {
    let lines = { (count: Int) in String(repeating: "a\n", count: count) }
    let command = "struct A: AsyncParsableCommand {}\n"
    let path = "Sources/Surface/Commands/A.swift"
    #expect(KnowledgeRules.commandsAreShort(SourceFile(path, command + lines(119))) == [])
    #expect(KnowledgeRules.commandsAreShort(SourceFile(path, command + lines(120))).count == 1)
    #expect(KnowledgeRules.commandsAreShort(SourceFile(path, lines(300))) == [])
    let tests = SourceFile("Tests/CommandsTests/A.swift", command + lines(120))
    #expect(KnowledgeRules.commandsAreShort(tests) == [])
  }

  @Test(arguments: [
    "print(a)", "fputs(a, stderr)", "try FileHandle.standardOutput.write(a)",
    "Glibc.write(STDOUT_FILENO, a, 1)", "write(1, a, 1)",
  ])
  func `a command that writes by itself is found`(line: String) {
    let found = { KnowledgeRules.commandsWriteThroughTerminal(SourceFile($0, line)).count }
    #expect(found("Sources/Surface/Commands/A.swift") == 1)
    #expect(found("Sources/Surface/Commands/StandardStreams.swift") == 0)
    #expect(found("Sources/Runtime/NodeAgent/A.swift") == 0)
  }

  @Test(arguments: [
    "self.print(a)", "StandardStreams.data(a)", "func rewrite() {", "lines.print($0)",
    "let a = \"print(b)\"", "StandardStreams.write(bytes)",
    "write(file, $0.baseAddress, 3)", "func print(_ a: Int) {",
  ])
  func `what only looks like writing is left alone`(line: String) {
    let file = SourceFile("Sources/Surface/Commands/A.swift", line)
    #expect(KnowledgeRules.commandsWriteThroughTerminal(file) == [])
  }
}
