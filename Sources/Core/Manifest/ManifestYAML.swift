package import Fleet
import Yams

/// YAML text to located values. The one place that knows Yams.
package enum ManifestYAML {
  /// 1 MiB: 4,096 nodes with an entry of 200 bytes each fit.
  package static let maximumSize = 1 << 20
  /// Values after aliases are expanded.
  package static let maximumValueCount = 200_000
  /// Aliases in a file. Yams hashes keys in full, which nested aliases make exponential, so that
  /// they are counted before anything is parsed; 16 keep the expansion below 3^6 copies.
  package static let maximumAliasCount = 16
  /// Levels; a manifest has six.
  package static let maximumDepth = 32

  /// Parses one document.
  ///
  /// - Throws: A `Diagnostic` with the place of the fault; the first one only, because what follows
  ///   a syntax error is guesswork.
  package static func parse(_ text: String, file: String) throws(Diagnostic) -> ManifestValue {
    let start = SourceLocation(file: file, line: 1, column: 1)
    guard text.utf8.count <= Self.maximumSize else {
      throw Diagnostic(
        code: "manifest-too-large", "manifest has `\(text.utf8.count)` bytes", at: start,
        hints: ["the most is \(Self.maximumSize); fold hosts: `gpu[0001-4096]`"])
    }
    guard Self.aliasCount(in: text) <= Self.maximumAliasCount else {
      throw Diagnostic(
        code: "too-many-aliases", "manifest has more than \(Self.maximumAliasCount) YAML aliases",
        at: start, hints: ["write the values out, or use `groups:` and a global `env:`"])
    }
    let node = try Self.compose(text, file: file)
    guard let node else {
      throw Diagnostic(
        code: "empty-manifest", "manifest is empty", at: start,
        hints: ["`muster init` writes one to start from"])
    }
    var budget = Self.maximumValueCount
    return try Self.value(of: node, file: file, depth: 0, near: start, budget: &budget)
  }

  private static func compose(_ text: String, file: String) throws(Diagnostic) -> Node? {
    do {
      return try Yams.compose(yaml: text)
    } catch let error as YamlError {
      throw Self.diagnostic(for: error, file: file)
    } catch {
      throw Diagnostic(
        code: "yaml-syntax", "manifest is not YAML: \(error)",
        at: SourceLocation(file: file, line: 1, column: 1))
    }
  }

  private static func diagnostic(for error: YamlError, file: String) -> Diagnostic {
    func place(_ mark: Mark) -> SourceLocation {
      SourceLocation(file: file, line: mark.line, column: mark.column)
    }
    let start = SourceLocation(file: file, line: 1, column: 1)
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      let quoting =
        problem.contains("cannot start any token")
        ? ["a text that begins with `@` or `%` needs quotes: `on: \"@judges\"`"] : []
      return Diagnostic(
        code: "yaml-syntax", "manifest is not YAML: \(problem)", at: place(mark), hints: quoting)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let keys = duplicates.sorted().map { "`\($0.prefix(80))`" }.joined(separator: ", ")
      return Diagnostic(
        code: "duplicate-key", "key \(keys) stands twice in one mapping", at: place(context.mark),
        hints: ["keep one of them"])
    case .reader(let problem, _, _, _):
      return Diagnostic(code: "yaml-syntax", "manifest is not YAML: \(problem)", at: start)
    case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
      return Diagnostic(code: "yaml-syntax", "manifest is not YAML", at: start)
    }
  }

  private static func value(
    of node: Node, file: String, depth: Int, near: SourceLocation, budget: inout Int
  ) throws(Diagnostic) -> ManifestValue {
    let location =
      node.mark.map { SourceLocation(file: file, line: $0.line, column: $0.column) } ?? near
    budget -= 1
    guard budget >= 0 else {
      throw Diagnostic(
        code: "manifest-too-large", "manifest has more than \(Self.maximumValueCount) values",
        at: location)
    }
    guard depth < Self.maximumDepth else {
      throw Diagnostic(
        code: "manifest-too-deep", "manifest is nested deeper than \(Self.maximumDepth) levels",
        at: location)
    }
    switch node {
    case .scalar(let scalar):
      return ManifestValue(
        .scalar(scalar.string, isPlain: scalar.style == .plain || scalar.style == .any),
        at: location)
    case .sequence(let sequence):
      var values: [ManifestValue] = []
      for child in sequence {
        values.append(
          try Self.value(of: child, file: file, depth: depth + 1, near: location, budget: &budget))
      }
      return ManifestValue(.list(values), at: location)
    case .mapping(let mapping):
      var entries: [ManifestValue.Entry] = []
      for (key, child) in mapping {
        guard case .scalar(let name) = key else {
          throw Diagnostic(
            code: "wrong-key", "a key of a manifest is a text, not a list or a mapping",
            at: location)
        }
        let keyLocation =
          key.mark.map { SourceLocation(file: file, line: $0.line, column: $0.column) } ?? location
        let value = try Self.value(
          of: child, file: file, depth: depth + 1, near: keyLocation, budget: &budget)
        entries.append(.init(key: name.string, keyLocation: keyLocation, value: value))
      }
      return ManifestValue(.mapping(entries), at: location)
    case .alias:
      throw Diagnostic(
        code: "yaml-syntax", "manifest has an alias without an anchor", at: location)
    }
  }

  /// Texts that may be aliases: a `*` where a value can begin, before a letter or a digit.
  /// Counts some that are not (in comments and block texts); never fewer than there are.
  private static func aliasCount(in text: String) -> Int {
    var count = 0
    var before = UInt8(ascii: "\n")
    var isPending = false
    for byte in text.utf8 {
      if isPending {
        let isBlank = byte == 32 || byte == 9 || byte == 10 || byte == 13
        if !isBlank { count += 1 }
        isPending = false
      }
      switch before {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"),
        UInt8(ascii: "["), UInt8(ascii: ","), UInt8(ascii: "{"), UInt8(ascii: ":"):
        isPending = byte == UInt8(ascii: "*")
      default: break
      }
      before = byte
    }
    return count
  }
}
