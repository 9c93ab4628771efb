package import Fleet

/// Reads one mapping strictly: each key is asked for, and what nobody asked for is a fault. Every
/// fault is recorded; a value that is wrong reads as absent.
package struct MappingReader {
  package let location: SourceLocation
  /// What the mapping is, for messages: "service `policy`".
  package let subject: String
  private let table: ManifestTable
  private var entries: [ManifestValue.Entry]
  private var asked: Set<String> = []

  /// - Parameters:
  ///   - value: A mapping; anything else is recorded as a fault and reads as empty.
  ///   - table: All keys that will be asked for.
  ///   - subject: In place of the table's.
  ///   - place: Where to point when a key is missing, in place of the mapping's own.
  package init(
    _ value: ManifestValue, _ table: ManifestTable, subject: String? = nil,
    at place: SourceLocation? = nil, faults: inout ManifestFaults
  ) {
    self.table = table
    self.location = place ?? value.location
    self.subject = subject ?? table.subject
    switch value.content {
    case .mapping(let entries): self.entries = entries
    case .scalar where value.isNothing: self.entries = []
    case .scalar, .list:
      self.entries = []
      faults.error(
        "wrong-type", "\(self.subject) is a mapping of keys, not \(value.spoken)",
        at: value.location)
    }
  }

  /// The value of `key` as it is written; `nil` where it is absent or nothing.
  package mutating func value<Value>(_ key: ManifestKey<Value>) -> ManifestValue? {
    let name = key.row.name
    precondition(self.table.names.contains(name), "\(self.subject) has no key \(name) in its table")
    self.asked.insert(name)
    guard let entry = self.entries.first(where: { $0.key == name }) else { return nil }
    return entry.value.isNothing ? nil : entry.value
  }

  /// The value of `key`; `nil` where it is absent, which may be a fault, and after one.
  package mutating func find<Value>(
    _ key: ManifestKey<Value>, faults: inout ManifestFaults
  ) -> Value? {
    let name = key.row.name
    if let value = self.value(key) { return key.read(value, "`\(name)`", &faults) }
    if case .required(let hint?) = key.row.presence {
      faults.error(
        "no-\(name)", "\(self.subject) names no `\(name)`", at: self.location, hint: hint)
    }
    return nil
  }

  /// The value of `key`, or what stands for it.
  package mutating func read<Value>(
    _ key: ManifestKey<Value>, faults: inout ManifestFaults
  ) -> Value {
    self.find(key, faults: &faults) ?? key.absent
  }

  /// What was not asked for so far, still a mapping: the settings of a recipe.
  package var rest: ManifestValue {
    ManifestValue(
      .mapping(self.entries.filter { !self.asked.contains($0.key) }), at: self.location)
  }

  /// Records each key that nobody asked for.
  ///
  /// - Parameter more: Whose keys are known around it, for the hint with the nearest name.
  package func finish(alsoKnown more: ManifestTable? = nil, faults: inout ManifestFaults) {
    for entry in self.entries where !self.asked.contains(entry.key) {
      let names = self.table.names + (more?.names ?? [])
      let hint =
        Nearest.name(to: entry.key, in: names).map { "write `\($0)`" }
        ?? "known here: \(names.sorted().map { "`\($0)`" }.joined(separator: ", "))"
      faults.error(
        "unknown-key", "\(self.subject) has no key `\(entry.key.prefix(80))`",
        at: entry.keyLocation, hint: hint)
    }
  }

  /// A scalar as text.
  package static func text(
    _ value: ManifestValue, of subject: String, faults: inout ManifestFaults
  ) -> String? {
    guard case .scalar(let text, _) = value.content, !value.isNothing else {
      faults.error("wrong-type", "\(subject) is a text, not \(value.spoken)", at: value.location)
      return nil
    }
    guard !text.utf8.contains(0) else {
      faults.error("wrong-type", "\(subject) has a zero byte", at: value.location)
      return nil
    }
    return text
  }
}
