package import Fleet
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

  /// Where something listens: neither a port nor a user stands with it.
  package static let address = Self(spoken: "address", pattern: #"^[^\s/@\[\]]+$"#) { text in
    // One colon parts a name from a port; an address of IPv6 has two at least.
    !text.isEmpty && !text.contains { $0.isWhitespace || "/@[]".contains($0) }
      && text.count { $0 == ":" } != 1
  }

  /// The path of a page of metrics: what a request line can hold as it is.
  package static let pagePath = Self(
    spoken: "path from `/`", pattern: "^/[!-~]*$", accepts: HTTPPath.isPath)
}

/// What is the same for keys of every type.
package struct ManifestRow: Sendable {
  package enum Presence: Sendable {
    case required(hint: String?)
    /// What holds without it, in words; empty: nothing to say.
    case optional(without: String)
    /// What holds without it.
    case defaulted(JSONText)
  }

  package let name: String
  package let form: ManifestForm
  package let presence: Presence
  /// One sentence without a full stop, with Markdown's backticks.
  package let meaning: String

  package var isRequired: Bool {
    if case .required = self.presence { return true }
    return false
  }
}

/// The keys of one mapping of the manifest.
package struct ManifestTable: Sendable {
  /// Which of several keys have to be there.
  package enum Demand: Sendable {
    case exactlyOne(of: [String])
    case atLeastOne(of: [String])
  }

  /// What the mapping is, in messages: "an entry of `nodes`".
  package let subject: String
  /// Its heading among the tables; `nil`: its keys stand with those of the mapping around it.
  package let title: String?
  package let demand: Demand?
  /// Whether the mapping holds the keys of the recipe, too, that its key `recipe` names.
  package let hasRecipe: Bool
  /// In the order in which people read them; each name once.
  package let rows: [ManifestRow]

  /// The names of its keys, in their order.
  package var names: [String] { self.rows.map(\.name) }
}
