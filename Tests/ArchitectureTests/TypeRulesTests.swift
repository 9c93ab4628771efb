import Testing

/// The rule finds what nothing uses, and only that.
@Suite struct TypeRulesTests {
  private func findings(_ texts: String...) -> [String] {
    TypeRules.noUnusedType(
      texts.enumerated().map { SourceFile("Sources/Core/Fleet/\($0.offset).swift", $0.element) })
  }

  @Test func `a type that nothing names is found`() {
    #expect(
      self.findings("package struct Lease {\n  var a = 1\n}")
        == ["Sources/Core/Fleet/0.swift: nothing uses `Lease`"])
    #expect(self.findings("final class Lease {}", "// Lease\nlet a = \"Lease\"").count == 1)
  }

  @Test func `its own body, its extensions and tests are no use`() {
    let lease = "struct Lease {\n  static func a() -> Lease { Lease() }\n}\n"
    #expect(self.findings(lease).count == 1)
    #expect(self.findings(lease, "extension Lease {}").count == 1)
    let tests = SourceFile("Tests/FleetTests/A.swift", "let a = Lease()")
    #expect(
      TypeRules.noUnusedType([SourceFile("Sources/Core/Fleet/A.swift", lease), tests]).count == 1)
  }

  @Test func `a use in any file of Sources counts, in an interpolation too`() {
    #expect(self.findings("enum Lease {\n}", "let a = Lease.self") == [])
    #expect(self.findings("enum Lease {\n}\nlet a: [Lease] = []") == [])
    #expect(self.findings("enum Lease {}", "let a = \"\\(Lease.self)\"") == [])
    #expect(self.findings("protocol Lease {}", "extension Int: Lease {}") == [])
    #expect(self.findings("@main\nstruct Main {}") == [])
  }
}
