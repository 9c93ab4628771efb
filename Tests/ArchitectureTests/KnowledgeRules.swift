import Foundation

/// Rules about what a part of the house may know. Each function returns its findings, a sentence each.
enum KnowledgeRules {
  /// Words of one kind, and the folders that may say them; strings count, comments do not.
  private static let kinds: [(words: String, isIn: [String], but: [String], whose: String)] = [
    // Not where a text shows people what they may write.
    (
      "(?<!recipe: )vllm",
      ["Sources/Core/", "Sources/Runtime/Coordinator/", "Sources/Runtime/NodeAgent/"],
      ["Sources/Core/Recipes/", "Sources/Core/Telemetry/"], "Recipes and Telemetry"
    ),
    ("simulator|difficulty", ["Sources/Core/Rollouts/"], [], "the kind of work"),
  ]

  /// What is an engine's, or a kind of work's, stays with the target that is about it.
  static func kindsStayWithTheirOwners(_ file: SourceFile) -> [String] {
    self.kinds.flatMap { kind -> [String] in
      guard kind.isIn.contains(where: file.path.hasPrefix),
        !kind.but.contains(where: file.path.hasPrefix)
      else { return [] }
      return self.findings("(?i)" + kind.words, in: file.uncommentedLines, of: file)
        .map { "\($0): that is for \(kind.whose)" }
    }
  }

  /// Faults that code acts on are typed: looking for words of a sentence finds nothing once somebody
  /// betters it.
  static func faultsAreTyped(_ file: SourceFile) -> [String] {
    guard file.layer == .runtime || file.layer == .surface else { return [] }
    return self.findings(
      #"\.contains\("[^"]*[a-z`,:] [a-z`][^"]*"\)"#, in: file.uncommentedLines, of: file
    ).map { "\($0): looks for a sentence" }
  }

  /// What `Commands` leaves to Runtime: journals, boards, links and the wire.
  private static let notForCommands: Set<String> = [
    "GRDB", "Links", "NodeAPI", "NodeAgent", "RecordFiles", "RunStore", "SSH", "SwiftProtobuf",
  ]

  static func commandsStayThin(_ file: SourceFile) -> [String] {
    guard file.target == "Commands" else { return [] }
    return file.imports.filter { self.notForCommands.contains($0) || $0.hasPrefix("GRPC") }
      .map { "\(file.path): \($0) is for Runtime" }
  }

  /// Lines of a file with a command: it parses, calls, renders and ends.
  static let commandLineCountMax = 120

  static func commandsAreShort(_ file: SourceFile) -> [String] {
    guard file.layer != nil, file.codeLines.contains(where: { $0.contains("ParsableCommand") })
    else { return [] }
    let count = file.text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
    return count > self.commandLineCountMax
      ? ["\(file.path): \(count) lines of a command, at most \(self.commandLineCountMax)"] : []
  }

  /// The process's own streams are written in one place, which makes them fit to be seen.
  static func commandsWriteThroughTerminal(_ file: SourceFile) -> [String] {
    guard file.target == "Commands", file.name != "StandardStreams.swift" else { return [] }
    return self.findings(
      #"(?<![.\w])(?<!func )(print|debugPrint|dump|fputs|puts)\(|\bFileHandle\.standard(Out|Err)"#
        + #"|\bwrite\((STD\w+_FILENO|[12]),|\bstdout\b|\bstderr\b"#, in: file.codeLines, of: file
    ).map { "\($0): only StandardStreams writes" }
  }

  private static func findings(
    _ pattern: String, in lines: [String], of file: SourceFile
  ) -> [String] {
    lines.enumerated().compactMap { index, line in
      line.range(of: pattern, options: .regularExpression)
        .map { "\(file.path):\(index + 1): `\(line[$0])`" }
    }
  }
}
