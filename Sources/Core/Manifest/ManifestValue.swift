package import Fleet

/// A value of a manifest with its place: what is left of YAML once it is parsed.
///
/// Scalars keep their text, so that a version `1.10` or a country `no` is never read as something
/// else; the reader of a key says which type it wants.
package struct ManifestValue: Equatable, Sendable {
  package enum Content: Equatable, Sendable {
    /// `isPlain`: without quotes, so that `~`, `null` and an empty text mean "nothing".
    case scalar(String, isPlain: Bool)
    case list([ManifestValue])
    /// In the order of the file; a key stands once.
    case mapping([Entry])
  }

  package struct Entry: Equatable, Sendable {
    package var key: String
    package var keyLocation: SourceLocation
    package var value: ManifestValue
  }

  package var location: SourceLocation
  package var content: Content

  package init(_ content: Content, at location: SourceLocation) {
    self.content = content
    self.location = location
  }

  /// What a person would call it: "a list", "a mapping", "nothing" or the text in backticks.
  package var spoken: String {
    switch self.content {
    case .scalar where self.isNothing: "nothing"
    case .scalar(let text, _): "`\(text.prefix(80))`"
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }

  /// Whether it is empty, `~` or `null`, without quotes.
  package var isNothing: Bool {
    guard case .scalar(let text, isPlain: true) = self.content else { return false }
    return text.isEmpty || text == "~" || text == "null"
  }

  /// The values of a list; any other value is a list of one.
  package var items: [ManifestValue] {
    if case .list(let items) = self.content { return items }
    return [self]
  }

  /// A scalar as text; `nil` after a fault, which is recorded.
  package func text(of subject: String, faults: inout ManifestFaults) -> String? {
    guard case .scalar(let text, _) = self.content, !self.isNothing else {
      faults.error("wrong-type", "\(subject) is a text, not \(self.spoken)", at: self.location)
      return nil
    }
    guard !text.utf8.contains(0) else {
      faults.error("wrong-type", "\(subject) has a zero byte", at: self.location)
      return nil
    }
    return text
  }
}
