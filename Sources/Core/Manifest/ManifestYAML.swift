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
    let text = WrittenText.withoutMarks(text)
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
    if let fault = parser.unreadable(in: text) { throw fault }
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
      case .scanner(let context, let problem, let mark, _),
        .parser(let context, let problem, let mark, _),
        .composer(let context, let problem, let mark, _):
        throw self.fault(of: problem, at: mark, near: context?.mark, in: text)
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

  /// What YAML says of a text, or why it cannot say better.
  ///
  /// - Parameter context: Where what it was reading began.
  private func fault(
    of problem: String, at mark: Mark, near context: Mark?, in text: String
  ) -> Diagnostic {
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    func line(_ mark: Mark) -> [Unicode.Scalar] {
      lines.indices.contains(mark.line - 1) ? Array(lines[mark.line - 1].unicodeScalars) : []
    }
    for mark in [mark, context].compactMap(\.self) {
      guard let (column, blank) = Self.wrongBlank(in: line(mark)) else { continue }
      let isTab = blank == "\t"
      return self.fault(
        "yaml-syntax",
        "\(isTab ? "a tab" : WrittenText.spoken(blank)) stands where YAML takes blanks alone",
        at: SourceLocation(file: self.file, line: mark.line, column: column + 1),
        hint: isTab ? "write blanks: `expand -t 2` makes blanks of tabs" : "write a blank")
    }
    let place = line(mark)
    let first = place.indices.contains(mark.column - 1) ? place[mark.column - 1] : " "
    return self.fault(
      "yaml-syntax", "manifest is not YAML: \(problem)", at: self.place(mark),
      hint: "@%".unicodeScalars.contains(first) && problem.contains("cannot start any token")
        ? "a text that begins with `@` or `%` needs quotes: `on: \"@judges\"`" : nil)
  }

  /// The first thing of a line that looks like a blank and is none, at its beginning or behind a mark of
  /// YAML, and where it is. Behind a colon YAML takes tabs.
  private static func wrongBlank(in line: [Unicode.Scalar]) -> (column: Int, blank: Unicode.Scalar)?
  {
    var before: Unicode.Scalar = " "
    var isIndentation = true
    for (column, scalar) in line.enumerated() {
      let isBlank = scalar.properties.isWhitespace
      if isBlank, scalar != " ",
        isIndentation || before == "-" || before == ":" && scalar != "\t"
      {
        return (column, scalar)
      }
      isIndentation = isIndentation && isBlank
      before = scalar
    }
    return nil
  }

  /// The first character that nobody wrote on purpose: YAML takes none of some, and does not see others.
  /// Whole lines of comment may have any.
  private func unreadable(in text: String) -> Diagnostic? {
    if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x0A }) { return nil }
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    for (index, line) in lines.enumerated() where line.first(where: { $0 != " " }) != "#" {
      for (column, scalar) in line.unicodeScalars.enumerated() {
        guard let (summary, hint) = Self.told(of: scalar) else { continue }
        return self.fault(
          "unreadable-text", "manifest has \(summary)",
          at: SourceLocation(file: self.file, line: index + 1, column: column + 1), hint: hint)
      }
    }
    return nil
  }

  private static func told(of scalar: Unicode.Scalar) -> (summary: String, hint: String)? {
    switch scalar {
    case "\u{FFFD}":
      ("bytes that are no UTF-8", "`iconv -f LATIN1 -t UTF-8` makes it that, of what Windows wrote")
    case "\0": ("a zero byte", "`iconv -f UTF-16 -t UTF-8` makes a text of one in UTF-16")
    case "\u{FEFF}", "\u{200B}", "\u{2060}", "\u{AD}":
      (
        "\(WrittenText.spoken(scalar)), which nobody sees",
        "take it out, or write `\"\\u\(scalar.value.digits(4, radix: 16, uppercase: true))\"`"
      )
    default: nil
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
