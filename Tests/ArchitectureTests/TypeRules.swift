/// Rules about the types of Sources together. Each function returns its findings, a sentence each.
enum TypeRules {
  /// Each type of our own is named by code of Sources outside itself; an extension alone is no use.
  static func noUnusedType(_ files: [SourceFile]) -> [String] {
    let sources = files.filter { $0.path.hasPrefix("Sources/") && $0.isSwift }
      .map { (path: $0.path, isOurs: !$0.isGenerated, code: $0.codeLines.joined(separator: "\n")) }
    var uses: [Substring: Int] = [:]
    for source in sources { self.count(source.code[...], in: &uses) }
    return sources.filter(\.isOurs).flatMap { source in
      source.code.matches(of: /\b(?:struct|class|enum|actor|protocol) +([A-Z]\w*)/)
        .filter { declaration in
          var own: [Substring: Int] = [:]
          let rest = source.code[declaration.range.lowerBound...]
          self.count(self.declaration(in: rest), in: &own)
          return uses[declaration.1] == own[declaration.1]
            && !self.isMain(source.code[..<declaration.range.lowerBound])
        }
        .map { "\(source.path): nothing uses `\($0.1)`" }
    }
  }

  /// Counts each name that begins with a capital, but where it is extended.
  private static func count(_ code: Substring, in uses: inout [Substring: Int]) {
    var before: Substring = ""
    for word in code.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") }) {
      if before != "extension", word.first?.isUppercase == true { uses[word, default: 0] += 1 }
      before = word
    }
  }

  /// From here to the brace that closes the first one that opens.
  private static func declaration(in code: Substring) -> Substring {
    var depth = 0
    for index in code.indices {
      if code[index] == "{" { depth += 1 }
      if code[index] == "}" {
        depth -= 1
        if depth == 0 { return code[...index] }
      }
    }
    return code
  }

  /// Whether the attribute right before is `@main`.
  private static func isMain(_ code: Substring) -> Bool {
    code.split(separator: "\n").last { !$0.isEmpty }?.hasPrefix("@main") == true
  }
}
