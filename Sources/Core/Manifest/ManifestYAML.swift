package import Fleet
import Yams

/// YAML text to located values. The one place that knows Yams.
package struct ManifestYAML {
  /// 1 MiB: 4,096 nodes with an entry of 200 bytes each fit.
  package static let maximumSize = 1 << 20
  /// Values after aliases are expanded.
  package static let maximumValueCount = 200_000
  /// Aliases in a file. Yams hashes keys in full, which nested aliases make exponential, so that
  /// they are counted before anything is parsed; 16 keep the expansion below 3^6 copies.
  package static let maximumAliasCount = 16
  /// Levels; a manifest has six.
  package static let maximumDepth = 32

  private let file: String
  private var budget = Self.maximumValueCount

  /// Parses one document.
  ///
  /// - Throws: A `Diagnostic` with the place of the fault; the first one only, because what follows
  ///   a syntax error is guesswork.
  package static func parse(_ text: String, file: String) throws(Diagnostic) -> ManifestValue {
    var parser = Self(file: file)
    guard text.utf8.count <= Self.maximumSize else {
      throw parser.fault(
        "manifest-too-large", "manifest has more than \(Self.maximumSize) bytes",
        hint: "fold hosts: `gpu[0001-4096]`")
    }
    guard Self.aliasCount(in: text) <= Self.maximumAliasCount else {
      throw parser.fault(
        "too-many-aliases", "manifest has more than \(Self.maximumAliasCount) YAML aliases",
        hint: "write the values out, or use `groups:` and a global `env:`")
    }
    guard let node = try parser.compose(text) else {
      throw parser.fault(
        "empty-manifest", "manifest is empty", hint: "`muster init` writes one to start from")
    }
    return try parser.value(of: node, depth: 0, near: parser.place(nil))
  }

  /// The file's first character where there is no mark.
  private func place(_ mark: Mark?) -> SourceLocation {
    SourceLocation(file: self.file, line: mark?.line ?? 1, column: mark?.column ?? 1)
  }

  private func fault(
    _ code: String, _ summary: String, at place: SourceLocation? = nil, hint: String? = nil
  ) -> Diagnostic {
    Diagnostic(
      code: code, summary, at: place ?? self.place(nil), hints: hint.map { [$0] } ?? [])
  }

  private func compose(_ text: String) throws(Diagnostic) -> Node? {
    do {
      return try Yams.compose(yaml: text)
    } catch {
      switch error as? YamlError {
      case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        throw self.fault(
          "yaml-syntax", "manifest is not YAML: \(problem)", at: self.place(mark),
          hint: problem.contains("cannot start any token")
            ? "a text that begins with `@` or `%` needs quotes: `on: \"@judges\"`" : nil)
      case .duplicatedKeysInMapping(let duplicates, let context):
        let keys = duplicates.sorted().map { "`\($0.prefix(80))`" }.joined(separator: ", ")
        throw self.fault(
          "duplicate-key", "key \(keys) stands twice in one mapping", at: self.place(context.mark),
          hint: "keep one of them")
      case .reader(let problem, _, _, _):
        throw self.fault("yaml-syntax", "manifest is not YAML: \(problem)")
      default: throw self.fault("yaml-syntax", "manifest is not YAML: \(error)")
      }
    }
  }

  private mutating func value(
    of node: Node, depth: Int, near: SourceLocation
  ) throws(Diagnostic) -> ManifestValue {
    let location = node.mark.map { self.place($0) } ?? near
    self.budget -= 1
    guard self.budget >= 0 else {
      throw self.fault(
        "manifest-too-large", "manifest has more than \(Self.maximumValueCount) values",
        at: location)
    }
    guard depth < Self.maximumDepth else {
      throw self.fault(
        "manifest-too-deep", "manifest is nested deeper than \(Self.maximumDepth) levels",
        at: location)
    }
    switch node {
    case .scalar(let scalar):
      let isPlain = Self.isPlain(scalar)
      return ManifestValue(.scalar(scalar.string, isPlain: isPlain), at: location)
    case .sequence(let sequence):
      var values: [ManifestValue] = []
      for child in sequence {
        values.append(try self.value(of: child, depth: depth + 1, near: location))
      }
      return ManifestValue(.list(values), at: location)
    case .mapping(let mapping):
      var entries: [ManifestValue.Entry] = []
      for (key, child) in mapping {
        guard case .scalar(let name) = key else {
          throw self.fault(
            "wrong-key", "a key of a manifest is a text, not a list or a mapping", at: location)
        }
        let place = key.mark.map { self.place($0) } ?? location
        guard name.string != "<<" || name.style != .plain else {
          throw self.fault(
            "merge-key", "manifest has a merge key, `<<`, which is not read", at: place,
            hint: "write the values out, or use `groups:` and a global `env:`")
        }
        let value = try self.value(of: child, depth: depth + 1, near: place)
        entries.append(.init(key: name.string, keyLocation: place, value: value))
      }
      return ManifestValue(.mapping(entries), at: location)
    case .alias:
      throw self.fault("yaml-syntax", "manifest has an alias without an anchor", at: location)
    }
  }

  /// As it is written, unless a tag says what it is.
  private static func isPlain(_ scalar: Node.Scalar) -> Bool {
    switch scalar.tag.rawValue {
    case "tag:yaml.org,2002:str": false
    case "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool",
      "tag:yaml.org,2002:null":
      true
    default: scalar.style == .plain || scalar.style == .any
    }
  }

  /// Texts that may be aliases: a `*` where a value can begin, before a letter or a digit.
  /// Counts some that are not (in comments and block texts); never fewer than there are.
  private static func aliasCount(in text: String) -> Int {
    var count = 0
    var before = UInt8(ascii: "\n")
    var isPending = false
    for byte in text.utf8 {
      if isPending, !" \t\n\r".utf8.contains(byte) { count += 1 }
      isPending = byte == UInt8(ascii: "*") && " \t\n\r[,{:".utf8.contains(before)
      before = byte
    }
    return count
  }
}
