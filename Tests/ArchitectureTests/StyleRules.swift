import Foundation

/// Rules about the text of single files. Each function returns its findings, a sentence each.
enum StyleRules {
  static let lineCountMax = 400

  /// What breaks the deterministic simulation or talks past the composition root.
  private static let effects: [(pattern: String, reason: String)] = [
    (#"\bTask\s*\{"#, "unstructured task"),
    (#"\bTask\s*\("#, "unstructured task"),
    (#"\bTask\.(detached|immediate|sleep)\b"#, "unstructured task or the real clock"),
    (#"\b(Continuous|Suspending)Clock(\(\)|\.now)"#, "the real clock"),
    (#"\bDate\(\)"#, "the real clock"),
    (#"\bDate\.now\b"#, "the real clock"),
    (#"\bUUID\(\)"#, "unseeded randomness"),
    (#"\bSystemRandomNumberGenerator\b"#, "unseeded randomness"),
    (#"\.(shuffled|randomElement|shuffle)\(\)"#, "unseeded randomness"),
    (#"\.random\((in: [^,)]*)?\)"#, "unseeded randomness"),
    (#"\bgetenv\b"#, "the environment"),
    (#"\bProcessInfo\b"#, "the environment"),
    (#"(?<![.\w])(print|debugPrint|dump)\("#, "writes to the process's own streams"),
  ]

  private static let traps: [(pattern: String, reason: String)] = [
    (#"\btry!"#, "trap"),
    (#"\bas!"#, "trap"),
    (#"(?<!\btry)(?<!\bas)(?<=[\w)\]>])!(?=[.,;:)\]\[(?\s]|$)(?!\s*=)"#, "forced unwrapping"),
  ]

  /// Outside Surface time, randomness, environment and streams come in as arguments.
  static func effectsComeIn(_ file: SourceFile) -> [String] {
    guard let layer = file.layer, layer != .surface, !file.isGenerated else { return [] }
    return Self.findings(Self.effects, in: file)
  }

  static func nothingTraps(_ file: SourceFile) -> [String] {
    guard file.layer != nil, !file.isGenerated else { return [] }
    return Self.findings(Self.traps, in: file)
  }

  private static func findings(
    _ rules: [(pattern: String, reason: String)], in file: SourceFile
  ) -> [String] {
    guard file.isSwift else { return [] }
    // Most lines have nothing: one look at all rules together.
    let any = rules.map { "(?:\($0.pattern))" }.joined(separator: "|")
    return file.codeLines.enumerated().flatMap { index, line -> [String] in
      guard line.range(of: any, options: .regularExpression) != nil else { return [] }
      return rules.compactMap { rule in
        guard let range = line.range(of: rule.pattern, options: .regularExpression) else {
          return nil
        }
        return "\(file.path):\(index + 1): `\(line[range])`: \(rule.reason)"
      }
    }
  }

  /// The reason stands on the line, or in the lines of comments and attributes right above it.
  static func uncheckedIsExplained(_ file: SourceFile) -> [String] {
    guard file.layer != nil, file.isSwift, !file.isGenerated else { return [] }
    let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
    return file.codeLines.enumerated().compactMap { index, code in
      guard code.contains("@unchecked Sendable") || code.contains("nonisolated(unsafe)") else {
        return nil
      }
      let above = lines[..<index].reversed().prefix { line in
        let line = line.drop { $0 == " " }
        return line.hasPrefix("//") || line.hasPrefix("@")
      }
      guard !lines[index].contains("// SAFETY:"),
        !above.contains(where: { $0.contains("// SAFETY:") })
      else { return nil }
      return "\(file.path):\(index + 1): unchecked without a `// SAFETY:` line"
    }
  }

  static func filesAreShort(_ file: SourceFile) -> [String] {
    guard file.isSwift, !file.isGenerated else { return [] }
    let count = file.text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
    return count > Self.lineCountMax
      ? ["\(file.path): \(count) lines, at most \(Self.lineCountMax)"] : []
  }

  private static let emptyNames = ["Helper", "Util", "Manager", "Misc"]

  static func namesSaySomething(_ file: SourceFile) -> [String] {
    Self.emptyNames.filter { file.isSwift && file.name.contains($0) }
      .map { "\(file.path): `\($0)` says nothing" }
  }

  /// Written so that this file is not found by its own rule.
  private static let unfinished =
    #"\b(TO"# + #"DO|FIX"# + #"ME|X"# + #"XX)\b|// .*\bfor "# + #"now\b"#

  static func nothingIsPostponed(_ file: SourceFile) -> [String] {
    guard file.isSwift, !file.isGenerated else { return [] }
    return file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .compactMap { index, line in
        guard let range = line.range(of: Self.unfinished, options: .regularExpression) else {
          return nil
        }
        return "\(file.path):\(index + 1): `\(line[range])`: postponed work"
      }
  }

  /// Paths that exist on somebody's machine only; the same remark.
  private static let privatePaths = [
    "/wo" + "rk/", "/tmp/" + "wt/", "/Us" + "ers/", "/ro" + "ot/.",
  ]

  static func noPrivatePaths(_ file: SourceFile) -> [String] {
    Self.lines(
      of: file, containing: Self.privatePaths,
      at: { before in
        // `$folder/work/` is a path of the script's own making.
        let before = before.last == "\"" ? before.dropLast() : before
        guard let last = before.last else { return true }
        return !(last.isLetter || last.isNumber || "_})$./-".contains(last))
      }
    ).map { "\($0): a path of one machine" }
  }

  /// Hosts that a URL in the checkout may name: public ones, and those that stand for any.
  private static let publicHosts = [
    "github.com", "www.apache.org", "json-schema.org", "www.rfc-editor.org", "no-color.org",
    "bixense.com", "docs.vllm.ai", "example.com", "example.org", "localhost", "127.0.0.1",
  ]

  /// A registry's host, a mirror's or an internal service's would tell where this was written.
  static func urlsArePublic(_ file: SourceFile) -> [String] {
    let pattern = /https?:\/\/([A-Za-z0-9][A-Za-z0-9.-]*)/
    return file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .flatMap { index, line in
        line.matches(of: pattern).map { String($0.1) }
          .filter { host in
            !Self.publicHosts.contains(host) && !host.hasPrefix("127.") && !host.hasPrefix("10.")
          }
          .map { "\(file.path):\(index + 1): `\($0)` is not among the public hosts" }
      }
  }

  private static func lines(
    of file: SourceFile, containing words: [String],
    at isFinding: (Substring) -> Bool = { _ in true }
  ) -> [String] {
    file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .flatMap { index, line in
        words.filter { word in
          line.ranges(of: word).contains { isFinding(line[..<$0.lowerBound]) }
        }.map { "\(file.path):\(index + 1): `\($0)`" }
      }
  }
}
