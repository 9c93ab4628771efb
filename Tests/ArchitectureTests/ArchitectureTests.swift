import Testing

/// The checkout keeps the rules of the house.
@Suite struct ArchitectureTests {
  private let checkout = Checkout()

  /// Read once for all tests.
  private static let files = Result { try Checkout().files() }

  @Test func `the visible top level is exactly that of the design`() throws {
    #expect(try HouseRules.topLevelIsExact(self.checkout.topLevel()) == [])
  }

  @Test func `arrows point down and nothing goes in circles`() throws {
    let house = House(manifest: try self.checkout.text("Package.swift"))
    #expect(house.targets.count > 20)
    #expect(HouseRules.arrowsPointDown(in: house) == [])
    #expect(HouseRules.noCycles(in: house) == [])
    #expect(try self.findings { HouseRules.arrowsPointDown($0, in: house) } == [])
  }

  @Test func `every folder of a layer is a target that the one page describes`() throws {
    let house = House(manifest: try self.checkout.text("Package.swift"))
    let folders = try Layer.allCases.flatMap { layer in
      try self.checkout.folders(in: "Sources/\(layer.folder)")
        .map { "Sources/\(layer.folder)/\($0)" }
    }
    #expect(HouseRules.foldersAreTargets(folders, in: house) == [])
    let architecture = try self.checkout.text("Sources/Architecture.md")
    #expect(HouseRules.targetsAreDescribed(in: house, by: architecture) == [])
  }

  @Test func `modules are imported where they belong`() throws {
    #expect(try self.findings(HouseRules.networkBelowSurfaceOnly) == [])
    #expect(try self.findings(HouseRules.coreIsPure) == [])
    #expect(try self.findings(HouseRules.nodeStaysLean) == [])
  }

  @Test func `time, randomness, environment and streams come in as arguments`() throws {
    #expect(try self.findings(StyleRules.effectsComeIn) == [])
  }

  @Test func `nothing in Sources traps on purpose of its writer, or is unchecked without a reason`()
    throws
  {
    #expect(try self.findings(StyleRules.nothingTraps) == [])
    #expect(try self.findings(StyleRules.uncheckedIsExplained) == [])
  }

  @Test func `files are short, finished and have names that say something`() throws {
    #expect(try self.findings(StyleRules.filesAreShort) == [])
    #expect(try self.findings(StyleRules.namesSaySomething) == [])
    #expect(try self.findings(StyleRules.nothingIsPostponed) == [])
  }

  @Test func `no file tells on which machine it was written`() throws {
    #expect(try self.findings(StyleRules.noPrivatePaths) == [])
    #expect(try self.findings(StyleRules.urlsArePublic) == [])
  }

  @Test func `what is declared is imported, and who imports what is listed`() throws {
    let house = House(manifest: try self.checkout.text("Package.swift"))
    let files = try Self.files.get()
    #expect(HouseRules.declaredIsImported(files, in: house) == [])
    #expect(HouseRules.importersAreListed(files, in: house) == [])
  }

  @Test func `every type has a user`() throws {
    #expect(TypeRules.noUnusedType(try Self.files.get()) == [])
  }

  @Test func `engines and kinds of work stay with their owners, and faults are typed`() throws {
    #expect(try self.findings(KnowledgeRules.kindsStayWithTheirOwners) == [])
    #expect(try self.findings(KnowledgeRules.faultsAreTyped) == [])
  }

  @Test func `a command parses, calls, renders through one place and ends`() throws {
    #expect(try self.findings(KnowledgeRules.commandsStayThin) == [])
    #expect(try self.findings(KnowledgeRules.commandsAreShort) == [])
    #expect(try self.findings(KnowledgeRules.commandsWriteThroughTerminal) == [])
  }

  private func findings(_ rule: (SourceFile) -> [String]) throws -> [String] {
    let files = try Self.files.get()
    // A walk that finds nothing would find no fault either.
    try #require(files.count { $0.isSwift && $0.layer != nil } > 50)
    return files.flatMap(rule)
  }
}
