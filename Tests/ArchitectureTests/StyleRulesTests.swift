import Testing

/// Each rule finds a small violation, and only that.
@Suite struct StyleRulesTests {
  private func core(_ text: String) -> SourceFile { SourceFile("Sources/Core/Fleet/A.swift", text) }

  @Test(arguments: [
    "Task { await run() }", "Task {", "Task(priority: .high) { }", "Task.detached { }",
    "try await Task.sleep(for: .seconds(1))", "let clock = ContinuousClock()",
    "ContinuousClock.now", "SuspendingClock()", "Date()", "Date.now", "UUID()",
    "getenv(\"HOME\")", "ProcessInfo.processInfo", "print(1)", "  debugPrint(1)",
    "list.shuffled()", "list.randomElement()", "Int.random(in: 0..<3)", "Bool.random()",
    "SystemRandomNumberGenerator()", "\"\\(UUID())\"",
  ])
  func `an effect that is not passed in is found`(line: String) {
    #expect(StyleRules.effectsComeIn(self.core(line)).count == 1, "\(line)")
    #expect(StyleRules.effectsComeIn(SourceFile("Sources/Surface/A/B.swift", line)) == [])
    #expect(StyleRules.effectsComeIn(SourceFile("Sources/Edge/A/Generated/B.swift", line)) == [])
    #expect(StyleRules.effectsComeIn(SourceFile("Tests/ATests/B.swift", line)) == [])
    #expect(StyleRules.effectsComeIn(self.core("// \(line)")) == [])
  }

  @Test(arguments: [
    "group.addTask { await run() }", "withTaskGroup(of: Void.self) { group in", "Task.isCancelled",
    "func run<C: Clock>(clock: C)", "var clock: ContinuousClock", "self.print(1)",
    "func fingerprint()",
    "Int.random(in: 0..<3, using: &generator)", "list.shuffled(using: &generator)",
    "let x: UUID", "\"Task {\"", "#\"print(\"#", "/* Date() */ a", "init(from date: Date)",
  ])
  func `what only looks like an effect is left alone`(line: String) {
    #expect(StyleRules.effectsComeIn(self.core(line)) == [], "\(line)")
  }

  @Test(arguments: ["try! run()", "a as! B", "a!.b", "f(a!)", "a[0]!", "a()!", "x = a!", "a!, b"])
  func `a trap is found, in Surface too`(line: String) {
    #expect(StyleRules.nothingTraps(self.core(line)).count == 1, "\(line)")
    #expect(
      StyleRules.nothingTraps(SourceFile("Sources/Surface/Commands/A.swift", line)).count == 1)
    #expect(StyleRules.nothingTraps(SourceFile("Tests/ATests/B.swift", line)) == [])
  }

  @Test(arguments: ["a != b", "!a", "if !a, b", "(!a)", "try? a", "a as? B", "\"so!\"", "// a!.b"])
  func `what only looks like a trap is left alone`(line: String) {
    #expect(StyleRules.nothingTraps(self.core(line)) == [], "\(line)")
  }

  @Test func `an unchecked type without a reason is found`() {
    let line = "final class A: @unchecked Sendable {}"
    #expect(StyleRules.uncheckedIsExplained(self.core(line)).count == 1)
    #expect(
      StyleRules.uncheckedIsExplained(self.core("// SAFETY: far away\nlet x = 1\n" + line)).count
        == 1)
    #expect(StyleRules.uncheckedIsExplained(self.core("// SAFETY: a lock\n" + line)) == [])
    #expect(
      StyleRules.uncheckedIsExplained(self.core("// SAFETY: a lock,\n/// so\n@Suite\n" + line))
        == [])
    #expect(
      StyleRules.uncheckedIsExplained(self.core("nonisolated(unsafe) var a = 1")).count == 1)
    #expect(
      StyleRules.uncheckedIsExplained(self.core("nonisolated(unsafe) var a = 1 // SAFETY: b")) == []
    )
  }

  @Test func `a long file is found`() {
    let lines = { (count: Int) in String(repeating: "a\n", count: count) }
    #expect(StyleRules.filesAreShort(self.core(lines(400))) == [])
    #expect(StyleRules.filesAreShort(self.core(lines(401))).count == 1)
    #expect(StyleRules.filesAreShort(SourceFile("a/Generated/b.swift", lines(401))) == [])
    #expect(StyleRules.filesAreShort(SourceFile("README.md", lines(401))) == [])
  }

  @Test(arguments: ["StringHelper", "Utils", "LeaseManager", "Misc"])
  func `a name that says nothing is found`(name: String) {
    #expect(StyleRules.namesSaySomething(SourceFile("Tests/A/\(name).swift", "")).count == 1)
    #expect(StyleRules.namesSaySomething(SourceFile("Tests/Helpers/Lease.swift", "")) == [])
  }

  @Test func `postponed work is found`() {
    let words = ["// TO" + "DO: later", "// FIX" + "ME", "// good enough for " + "now"]
    for word in words { #expect(StyleRules.nothingIsPostponed(self.core(word)).count == 1) }
    for word in ["TODOS", "for nowhere", "muster.XXXXXX", "let a = x.for\nnow"] {
      #expect(StyleRules.nothingIsPostponed(self.core(word)) == [])
    }
  }

  @Test func `a path of one machine is found in any file`() {
    let paths = ["/wo" + "rk/main", "see /tmp/" + "wt/x", "\"/Us" + "ers/me\"", "/ro" + "ot/.ssh"]
    for path in paths {
      #expect(StyleRules.noPrivatePaths(SourceFile("scripts/a", path)).count == 1, "\(path)")
    }
    for path in ["$d/wo" + "rk/x", "a/wo" + "rk/x", "/workspace", "/ro" + "ot"] {
      #expect(StyleRules.noPrivatePaths(SourceFile("scripts/a", path)) == [], "\(path)")
    }
  }

  @Test func `a host that is not public is found`() {
    let scheme = "https" + "://"
    for host in ["registry.corp.internal/simple", "pypi.mirror.lan:8080"] {
      #expect(StyleRules.urlsArePublic(SourceFile("scripts/a", scheme + host)).count == 1)
    }
    for host in [
      "github.com/apple/swift-nio", "127.0.0.2:80", "10.0.0.1/x", "$host:8000", "\\(host)",
    ] {
      #expect(StyleRules.urlsArePublic(SourceFile("scripts/a", scheme + host)) == [])
    }
  }

  @Test func `comments and strings are no code, interpolations are`() {
    let source = ##"""
      let a = "x // \(f("(")) y" // b
      /* c /* d */
      e */ let g = #"h \(i) \#(j)"#
      let k = "\\" + """
        l "m" \(n)
        """ + o
      """##
    #expect(
      SwiftCode.strip(source) == #"""
        let a = "(f(""))" 

         let g = "(j)"
        let k = "" + "
        (n)
        " + o
        """#)
    let lines = "let a = \"x // y\" // b\n/* c */ let d = #\"e\"#"
    #expect(SwiftCode.strip(lines, literals: .kept) == "let a = \"x // y\" \n let d = \"e\"")
  }
}
