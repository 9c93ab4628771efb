package import Fleet

/// Reads one mapping strictly: each key is asked for by name and type, and what nobody asked for is
/// a fault. Every fault is recorded; a value that is wrong reads as absent.
package struct MappingReader {
  package let location: SourceLocation
  /// What the mapping is, for messages: "service `policy`".
  package let subject: String
  private var entries: [ManifestValue.Entry]
  private var known: [String] = []

  /// - Parameter value: A mapping; anything else is recorded as a fault and reads as empty.
  package init(_ value: ManifestValue, subject: String, faults: inout ManifestFaults) {
    self.location = value.location
    self.subject = subject
    switch value.content {
    case .mapping(let entries): self.entries = entries
    case .scalar where value.isNothing: self.entries = []
    case .scalar, .list:
      self.entries = []
      faults.error(
        "wrong-type", "\(subject) is a mapping of keys, not \(value.spoken)", at: value.location)
    }
  }

  /// The value of `key`, which is known from now on; `nil` where it is absent or nothing.
  package mutating func value(_ key: String) -> ManifestValue? {
    self.known.append(key)
    guard let entry = self.entries.first(where: { $0.key == key }) else { return nil }
    return entry.value.isNothing ? nil : entry.value
  }

  package mutating func text(_ key: String, faults: inout ManifestFaults) -> String? {
    self.value(key).flatMap { Self.text($0, of: "`\(key)`", faults: &faults) }
  }

  package mutating func integer(
    _ key: String, in range: ClosedRange<Int>, faults: inout ManifestFaults
  ) -> Int? {
    guard let value = self.value(key) else { return nil }
    return Self.integer(value, of: "`\(key)`", in: range, faults: &faults)
  }

  package mutating func decimal(
    _ key: String, in range: ClosedRange<Double>, faults: inout ManifestFaults
  ) -> (number: Double, text: String)? {
    guard let value = self.value(key) else { return nil }
    guard case .scalar(let text, isPlain: true) = value.content, let number = Double(text),
      number.isFinite
    else {
      faults.error("wrong-type", "`\(key)` is a number, not \(value.spoken)", at: value.location)
      return nil
    }
    guard range.contains(number) else {
      faults.error(
        "out-of-range", "`\(key)` is `\(text)`", at: value.location,
        hint: "write \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return (number, text)
  }

  package mutating func boolean(_ key: String, faults: inout ManifestFaults) -> Bool? {
    guard let value = self.value(key) else { return nil }
    switch value.content {
    case .scalar("true", isPlain: true): return true
    case .scalar("false", isPlain: true): return false
    case .scalar, .list, .mapping:
      faults.error(
        "wrong-type", "`\(key)` is `true` or `false`, not \(value.spoken)", at: value.location)
      return nil
    }
  }

  /// One of a few words.
  package mutating func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, of type: Choice.Type, faults: inout ManifestFaults
  ) -> Choice? where Choice.RawValue == String {
    guard let value = self.value(key),
      let text = Self.text(value, of: "`\(key)`", faults: &faults)
    else { return nil }
    if let choice = Choice(rawValue: text) { return choice }
    let words = Choice.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
    faults.error(
      "unknown-choice", "`\(key)` is `\(text)`", at: value.location, hint: "write one of \(words)")
    return nil
  }

  /// A list of texts; a single text is a list of one.
  package mutating func texts(_ key: String, faults: inout ManifestFaults) -> [String]? {
    guard let value = self.value(key) else { return nil }
    return Self.items(of: value).compactMap { Self.text($0, of: "`\(key)`", faults: &faults) }
  }

  /// The same, each with its place.
  package mutating func items(
    _ key: String, faults: inout ManifestFaults
  ) -> [(text: String, location: SourceLocation)] {
    guard let value = self.value(key) else { return [] }
    return Self.items(of: value).compactMap { item in
      Self.text(item, of: "`\(key)`", faults: &faults).map { ($0, item.location) }
    }
  }

  /// A list of integers; a single one is a list of one.
  package mutating func integers(
    _ key: String, in range: ClosedRange<Int>, faults: inout ManifestFaults
  ) -> [Int]? {
    guard let value = self.value(key) else { return nil }
    return Self.items(of: value).compactMap {
      Self.integer($0, of: "`\(key)`", in: range, faults: &faults)
    }
  }

  /// The entries of a mapping under `key`, in the order of the file.
  package mutating func entries(
    _ key: String, faults: inout ManifestFaults
  ) -> [ManifestValue.Entry] {
    guard let value = self.value(key) else { return [] }
    guard case .mapping(let entries) = value.content else {
      faults.error(
        "wrong-type", "`\(key)` is a mapping of names, not \(value.spoken)", at: value.location)
      return []
    }
    return entries
  }

  /// What was not asked for so far, still a mapping: the settings of a recipe.
  package var rest: ManifestValue {
    ManifestValue(
      .mapping(self.entries.filter { !self.known.contains($0.key) }), at: self.location)
  }

  /// Records each key that nobody asked for.
  ///
  /// - Parameter more: Names that are known elsewhere, for the hint with the nearest name.
  package func finish(alsoKnown more: [String] = [], faults: inout ManifestFaults) {
    for entry in self.entries where !self.known.contains(entry.key) {
      let names = self.known + more
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

  private static func integer(
    _ value: ManifestValue, of subject: String, in range: ClosedRange<Int>,
    faults: inout ManifestFaults
  ) -> Int? {
    guard case .scalar(let text, isPlain: true) = value.content, let number = Int(text) else {
      faults.error(
        "wrong-type", "\(subject) is a whole number, not \(value.spoken)", at: value.location)
      return nil
    }
    guard range.contains(number) else {
      faults.error(
        "out-of-range", "\(subject) is `\(number)`", at: value.location,
        hint: range.upperBound == .max
          ? "write \(range.lowerBound) or more"
          : "write \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return number
  }

  static func items(of value: ManifestValue) -> [ManifestValue] {
    if case .list(let items) = value.content { return items }
    return [value]
  }
}
