import Fleet
import Launch

/// What a value of the manifest may be. The readers' types, the tables of the README and the JSON
/// Schema all have it from the same key.
package indirect enum ManifestForm: Sendable {
  /// A scalar in any spelling, `1.10` and `no` among them.
  case text(TextRule)
  /// `besides`: one more number that is allowed.
  case integer(ClosedRange<Int>, besides: Int?)
  case decimal(ClosedRange<Double>)
  case boolean
  /// One of these words.
  case words([String])
  /// A list, of at most `countMax`; a single value is a list of one.
  case list(of: ManifestForm, countMax: Int?)
  /// A mapping of names that the user chooses.
  case names(TextRule, to: ManifestForm)
  case mapping(ManifestTable)
  case either([ManifestForm])
}

/// What a text has to be.
package struct TextRule: Sendable {
  /// In tables: "absolute path".
  package let spoken: String
  /// For other programs, in the regular expressions of ECMA-262: never refuses what ``accepts``
  /// takes. `nil`: says nothing.
  package let pattern: String?
  package let accepts: @Sendable (String) -> Bool

  package init(
    spoken: String, pattern: String?, accepts: @escaping @Sendable (String) -> Bool
  ) {
    self.spoken = spoken
    self.pattern = pattern
    self.accepts = accepts
  }

  /// Any text.
  package static func any(_ spoken: String = "text") -> Self {
    Self(spoken: spoken, pattern: nil) { _ in true }
  }

  /// Only a resolver knows which sets there are.
  package static let nodeSet = Self.any("node set")

  /// A name that becomes a folder's.
  package static let folderName = Self(
    spoken: "name", pattern: FolderName.givenNamePattern, accepts: FolderName.isGivenName)

  /// A variable of a process's environment.
  package static let variable = Self(
    spoken: "variable", pattern: EnvironmentVariable.namePattern,
    accepts: EnvironmentVariable.isName)

  /// The path of a page of metrics: what a request line can hold as it is.
  package static let pagePath = Self(
    spoken: "path from `/`", pattern: "^/[!-~]*$", accepts: HTTPPath.isPath)
}
