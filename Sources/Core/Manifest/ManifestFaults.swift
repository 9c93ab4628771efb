package import Fleet

/// The faults of a manifest, all of them, in the order of their places.
package struct ManifestFaults: Sendable {
  /// As found.
  package private(set) var found: [Diagnostic] = []
  /// More are counted no further: a file of another kind has thousands.
  package static let maximumCount = 100

  package init() {}

  package mutating func add(_ diagnostic: Diagnostic) {
    var diagnostic = diagnostic
    if let unseen = WrittenText.unseen(in: diagnostic.summary) {
      diagnostic.causes.append("\(unseen) is in it, which looks like a blank or like nothing")
    }
    if self.found.count < Self.maximumCount, !self.found.contains(diagnostic) {
      self.found.append(diagnostic)
    }
  }

  package mutating func error(
    _ code: String, _ summary: String, at location: SourceLocation, causes: [String] = [],
    hint: String? = nil
  ) {
    self.add(
      Diagnostic(
        code: code, summary, at: location, causes: causes, hints: hint.map { [$0] } ?? []))
  }

  /// Whether one of them is an error, not only a warning.
  package var hasErrors: Bool { self.found.contains { $0.severity == .error } }

  /// Sorted by place; those without one last.
  package var sorted: [Diagnostic] {
    self.found.enumerated().sorted { lhs, rhs in
      switch (lhs.element.location, rhs.element.location) {
      case (let left?, let right?) where left != right: left < right
      case (nil, _?): false
      case (_?, nil): true
      default: lhs.offset < rhs.offset
      }
    }.map(\.element)
  }
}
