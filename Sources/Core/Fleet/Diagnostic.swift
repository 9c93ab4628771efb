/// Something to tell a person: what is wrong, where, why, and what to do.
///
/// Rendered by ``rendered()`` in one form everywhere:
/// ```
/// error: manifest asks for 8 GPUs on gpu[01-04], which report 4 each
///   --> clusters/eval.yaml:23:11
///   caused by: service `policy` has tensor_parallel 8
/// hint: lower `tensor_parallel` to 4, or move `policy` to @big
/// ```
package struct Diagnostic: Error, Hashable, Sendable {
  package enum Severity: String, Equatable, Sendable {
    case error
    case warning
  }

  package var severity: Severity
  /// Stable and short, for scripts: `unknown-key`, `host-key-changed`.
  package var code: String
  /// One sentence without a full stop; the offending value in backticks.
  package var summary: String
  /// Where in a file, if it is about one.
  package var location: SourceLocation?
  /// Outermost first.
  package var causes: [String]
  /// What to do; commands in backticks.
  package var hints: [String]

  package init(
    _ severity: Severity = .error, code: String, _ summary: String,
    at location: SourceLocation? = nil, causes: [String] = [], hints: [String] = []
  ) {
    self.severity = severity
    self.code = code
    self.summary = summary
    self.location = location
    self.causes = causes
    self.hints = hints
  }

  /// Several lines, each ended by a line feed; without colour.
  package func rendered() -> String {
    var text = "\(self.severity.rawValue): \(self.summary)\n"
    if let location = self.location { text += "  --> \(location)\n" }
    for cause in self.causes { text += "  caused by: \(cause)\n" }
    for hint in self.hints { text += "hint: \(hint)\n" }
    return text
  }
}

/// A place in a text file.
package struct SourceLocation: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// As the user named it.
  package var file: String
  /// Counts from 1.
  package var line: Int
  /// Counts from 1, in characters.
  package var column: Int

  package init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  package var description: String { "\(self.file):\(self.line):\(self.column)" }

  package static func < (lhs: Self, rhs: Self) -> Bool {
    (lhs.file, lhs.line, lhs.column) < (rhs.file, rhs.line, rhs.column)
  }
}
