import Foundation
import Testing

/// Each rule finds a small violation, and only that.
@Suite struct HouseRulesTests {
  private let house = House(
    manifest: """
      let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
      let yams = Target.Dependency.product(
        name: "Yams", package: "Yams")
      // Core
      layer("Core", "Fleet", []),
      layer("Core", "Plan", ["Fleet", yams]),
      layer(
        "Edge", "Links",
        [
          "Fleet", "Plan", nioCore,
        ], exclude: ["x"]),
      .systemLibrary(
        name: "CSSH2", path: "Sources/Edge/CSSH2", pkgConfig: "libssh2"),
      .executableTarget(
        name: "muster", dependencies: ["Links"], path: "Sources/Surface/muster",
        swiftSettings: settings),
      tests("FleetTests", ["Fleet"]),
      .testTarget(
        name: "TestbedTests", dependencies: ["Fleet"], path: "Tests/Testbed/Integration"),
      """)

  private func file(_ path: String, _ text: String) -> SourceFile { SourceFile(path, text) }

  @Test func `the manifest's targets are read`() {
    let targets = self.house.targets.map { target in
      "\(target.path): \((target.dependencies + target.products).joined(separator: " "))"
    }
    #expect(
      targets.sorted() == [
        "Sources/Core/Fleet: ", "Sources/Core/Plan: Fleet Yams", "Sources/Edge/CSSH2: ",
        "Sources/Edge/Links: Fleet Plan NIOCore", "Sources/Surface/muster: Links",
        "Tests/FleetTests: Fleet", "Tests/Testbed/Integration: Fleet",
      ])
    #expect(self.house.target("Plan")?.layer == .core)
    #expect(self.house.target("muster")?.layer == .surface)
    #expect(self.house.target("FleetTests")?.layer == nil)
  }

  @Test func `an importer that is not listed is found`() {
    let findings = { (path: String, text: String) in
      HouseRules.importersAreListed([self.file(path, text)], in: self.house)
        .filter { !$0.hasPrefix("HouseRules: ") }
    }
    let text = "package import Yams\nimport struct GRDB.Row\nimport CSSH2\nimport Fleet"
    #expect(
      findings("Sources/Core/Plan/A.swift", text) == [
        "Sources/Core/Plan/A.swift: Yams is imported by Manifest only (HouseRules)",
        "Sources/Core/Plan/A.swift: GRDB is imported by RunStore only (HouseRules)",
        "Sources/Core/Plan/A.swift: CSSH2 is imported by SSH only (HouseRules)",
      ])
    #expect(
      findings("Sources/Core/Plan/A.swift", "@preconcurrency import Vapor")
        == ["Sources/Core/Plan/A.swift: Vapor is imported by nobody only (HouseRules)"])
    for (path, text) in [
      ("Sources/Core/Manifest/A.swift", "import Yams"), ("Tests/PlanTests/A.swift", text),
      ("Sources/Core/Plan/A.swift", "// import Yams"),
      ("Sources/Edge/Links/A.swift", "import Glibc\nimport Synchronization"),
    ] {
      #expect(findings(path, text) == [])
    }
  }

  @Test func `a listed importer that imports no more is found`() {
    var files = HouseRules.importers.flatMap { module, targets in
      targets.map { self.file("Sources/Edge/\($0)/\(module).swift", "import \(module)") }
    }
    #expect(HouseRules.importersAreListed(files, in: self.house) == [])
    files.removeAll { $0.path == "Sources/Edge/Manifest/Yams.swift" }
    #expect(
      HouseRules.importersAreListed(files, in: self.house)
        == ["HouseRules: Manifest no longer imports Yams"])
  }

  @Test func `a dependency that is declared and not imported is found`() {
    let house = House(
      manifest: """
        let yams = Target.Dependency.product(name: "Yams", package: "Yams")
        layer("Core", "Plan", ["Fleet", yams]), tests("PlanTests", ["Plan"])
        """)
    let plan = self.file("Sources/Core/Plan/A.swift", "import Fleet")
    let tests = self.file("Tests/PlanTests/A.swift", "@testable import Plan")
    #expect(
      HouseRules.declaredIsImported([plan, tests], in: house)
        == ["Package.swift: Plan declares Yams and does not import it"])
    let yaml = self.file("Sources/Core/Plan/B.swift", "package import struct Yams.Node")
    #expect(HouseRules.declaredIsImported([plan, yaml, tests], in: house) == [])
    #expect(HouseRules.declaredIsImported([plan, yaml], in: house).count == 1)
  }

  @Test(arguments: ["NIOCore", "GRPCCore", "SwiftProtobuf"])
  func `the network in Core or Surface is found`(module: String) {
    let text = "internal import \(module)"
    for path in ["Sources/Core/Fleet/A.swift", "Sources/Surface/Commands/A.swift"] {
      #expect(HouseRules.networkBelowSurfaceOnly(self.file(path, text)).count == 1)
    }
    for path in [
      "Sources/Edge/SSH/A.swift", "Sources/Runtime/NodeAgent/A.swift", "Tests/B/A.swift",
    ] {
      #expect(HouseRules.networkBelowSurfaceOnly(self.file(path, text)) == [])
    }
    let loops = "import NIOPosix"
    #expect(
      HouseRules.networkBelowSurfaceOnly(self.file("Sources/Surface/Commands/A.swift", loops)) == []
    )
    #expect(
      HouseRules.networkBelowSurfaceOnly(self.file("Sources/Surface/Terminal/A.swift", loops)).count
        == 1)
  }

  @Test func `files and clocks in Core are found`() {
    #expect(
      HouseRules.coreIsPure(self.file("Sources/Core/Plan/A.swift", "import Glibc")).count == 1)
    #expect(HouseRules.coreIsPure(self.file("Sources/Edge/SSH/A.swift", "import Glibc")) == [])
  }

  @Test func `Foundation on a node is found`() {
    let text = "import Foundation"
    #expect(HouseRules.nodeStaysLean(self.file("Sources/Core/Fleet/A.swift", text)).count == 1)
    #expect(HouseRules.nodeStaysLean(self.file("Sources/Core/Manifest/A.swift", text)) == [])
    #expect(
      HouseRules.nodeStaysLean(self.file("Sources/Core/Fleet/A.swift", text + "Essentials")) == [])
    #expect(
      HouseRules.nodeStaysLean(self.file("Sources/Edge/NodeAPI/Generated/A.swift", text)) == [])
  }

  @Test func `an arrow that points up, or is not declared, is found`() {
    let up = self.file("Sources/Core/Plan/A.swift", "import Fleet\nimport Links")
    #expect(
      HouseRules.arrowsPointDown(up, in: self.house)
        == ["Sources/Core/Plan/A.swift: Core imports Links of Edge"])
    let undeclared = self.file("Sources/Surface/muster/A.swift", "import Fleet\nimport Links")
    #expect(
      HouseRules.arrowsPointDown(undeclared, in: self.house)
        == ["Sources/Surface/muster/A.swift: muster imports Fleet without declaring it"])
    #expect(HouseRules.arrowsPointDown(in: self.house) == [])
    let wrong = House(manifest: #"layer("Core", "A", ["B"]), layer("Edge", "B", [])"#)
    #expect(
      HouseRules.arrowsPointDown(in: wrong) == ["Package.swift: A of Core depends on B of Edge"])
  }

  @Test func `a circle is found`() {
    #expect(HouseRules.noCycles(in: self.house) == [])
    let house = House(
      manifest:
        #"layer("Core", "A", ["B"]), layer("Core", "B", ["A", "C"]), layer("Core", "C", [])"#
    )
    #expect(HouseRules.noCycles(in: house) == ["Package.swift: a cycle among A, B"])
  }

  @Test func `a folder without a target and a target without a folder are found`() {
    let folders = ["Core/Fleet", "Core/Plan", "Edge/Links", "Edge/CSSH2", "Surface/muster"]
      .map { "Sources/\($0)" }
    #expect(HouseRules.foldersAreTargets(folders, in: self.house) == [])
    #expect(
      HouseRules.foldersAreTargets(folders.dropLast() + ["Sources/Edge/Old"], in: self.house)
        == [
          "Sources/Edge/Old: no target of Package.swift",
          "Package.swift: no folder Sources/Surface/muster",
        ])
    let moved = House(
      manifest: #".executableTarget(name: "a", path: "Sources/Surface/b")"#)
    #expect(
      HouseRules.foldersAreTargets(["Sources/Surface/b"], in: moved)
        == ["Package.swift: a lies in Sources/Surface/b"])
  }

  @Test func `a target that the one page leaves out is found`() {
    let page = "`Fleet` `Plan` `Links` `CSSH2`"
    #expect(
      HouseRules.targetsAreDescribed(in: self.house, by: page)
        == ["Sources/Architecture.md: does not name `muster`"])
    #expect(HouseRules.targetsAreDescribed(in: self.house, by: page + " `muster`") == [])
  }

  @Test func `a stranger at the top level and a missing entry are found`() {
    #expect(HouseRules.topLevelIsExact(HouseRules.topLevel) == [])
    #expect(
      HouseRules.topLevelIsExact(HouseRules.topLevel.dropLast() + ["notes.txt"])
        == ["notes.txt: not for the top level", "scripts: missing"])
  }

  @Test func `what git ignores is not looked at`() {
    let names = IgnoredNames(gitignore: "# c\n.build/\n*.swp\nruns/\n.build-*/\n")
    for name in [".build", "a.swp", "runs", ".build-mutate"] { #expect(names.matches(name)) }
    for name in ["Sources", "swp", "running", "#"] { #expect(!names.matches(name)) }
  }

  @Test func `the walk finds hidden files of ours and leaves out what git ignores`() throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("muster-checkout-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    for (path, text) in [
      (".gitignore", "runs/\n"), ("README.md", "a"), (".ci/run", "b"), ("runs/x", "c"),
      ("Sources/Core/A/B.swift", "d"), (".git/config", "e"),
    ] {
      let file = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    let checkout = Checkout(root: root)
    #expect(try checkout.topLevel() == ["README.md", "Sources"])
    #expect(
      try checkout.files().map(\.path)
        == [".ci/run", ".gitignore", "README.md", "Sources/Core/A/B.swift"])
  }
}
