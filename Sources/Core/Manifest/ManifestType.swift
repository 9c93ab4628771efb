package import Fleet
import Launch

/// A form with what is made of it.
package struct ManifestType<Value: Sendable>: Sendable {
  package let form: ManifestForm
  /// The value, `nil` after a fault, which is recorded; the text is the subject of messages.
  let read: @Sendable (ManifestValue, String, inout ManifestFaults) -> Value?
  /// A value as a manifest has it.
  let written: @Sendable (Value) -> JSONText

  package init(
    _ form: ManifestForm, written: @escaping @Sendable (Value) -> JSONText = { _ in .null },
    read: @escaping @Sendable (ManifestValue, String, inout ManifestFaults) -> Value?
  ) {
    self.form = form
    self.read = read
    self.written = written
  }

  /// The same for where a value may be left out.
  package var optional: ManifestType<Value?> {
    ManifestType<Value?>(self.form, written: { $0.map(self.written) ?? .null }) {
      self.read($0, $1, &$2).map(Optional.some)
    }
  }
}

// MARK: Scalars

extension ManifestType<String> {
  /// Any text.
  package static var text: Self { .text(like: .any()) }

  /// A text that whoever reads it holds against `rule` together with other values.
  package static func text(like rule: TextRule) -> Self {
    Self(.text(rule), written: JSONText.string) { $0.text(of: $1, faults: &$2) }
  }

  /// A text that `rule` accepts.
  ///
  /// - Parameter summary: What is said of another one, from the subject and the text.
  static func text(
    _ rule: TextRule, code: String, hint: String,
    summary: @escaping @Sendable (_ subject: String, _ text: String) -> String = {
      "\($0) is `\($1.prefix(80))`"
    }
  ) -> Self {
    Self(.text(rule), written: JSONText.string) { value, subject, faults in
      let text = value.text(of: subject, faults: &faults)
      guard let text, !rule.accepts(text) else { return text }
      faults.error(code, summary(subject, text), at: value.location, hint: hint)
      return nil
    }
  }

  /// A number in a range, as it is written.
  package static func decimal(_ range: ClosedRange<Double>) -> Self {
    .plain(
      .decimal(range), "a number", written: JSONText.string,
      hint: { text in
        Double(text).map { range.contains($0) } == true
          ? nil : "write \(range.lowerBound) to \(range.upperBound)"
      }, parse: { Double($0)?.isFinite == true ? $0 : nil })
  }
}

extension ManifestType<Int> {
  /// A whole number in a range, or `besides`, which `meaning` says.
  package static func integer(
    _ range: ClosedRange<Int>, besides: Int? = nil, meaning: String = ""
  ) -> Self {
    let least = range.lowerBound
    let span = range.upperBound == .max ? "\(least) or more" : "\(least) to \(range.upperBound)"
    let hint = besides.map { "write \(span), or \($0) for \(meaning)" } ?? "write \(span)"
    return .plain(
      .integer(range, besides: besides), "a whole number", written: JSONText.integer,
      hint: { range.contains($0) || $0 == besides ? nil : hint }, parse: { Int($0) })
  }
}

extension ManifestType<Bool> {
  package static var boolean: Self {
    .plain(
      .boolean, "`true` or `false`", written: JSONText.bool,
      parse: { ["true": true, "false": false][$0] })
  }
}

extension ManifestType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of a few words.
  static func choice(code: String = "unknown-choice", hint: String? = nil) -> Self {
    Self(.words(Value.allCases.map(\.rawValue)), written: { .string($0.rawValue) }) {
      value, subject, faults in
      value.text(of: subject, faults: &faults).flatMap {
        Self.word($0, of: subject, at: value.location, code, hint, faults: &faults)
      }
    }
  }

  fileprivate static func word(
    _ text: String, of subject: String, at place: SourceLocation, _ code: String, _ hint: String?,
    faults: inout ManifestFaults
  ) -> Value? {
    if let choice = Value(rawValue: text) { return choice }
    faults.error(
      code, "\(subject) is `\(text.prefix(80))`", at: place,
      hint: hint ?? "write one of \(Self.spoken)")
    return nil
  }

  fileprivate static var spoken: String {
    Value.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
  }
}

extension ManifestType {
  /// A scalar without quotation marks.
  ///
  /// - Parameters:
  ///   - kind: "a whole number".
  ///   - hint: What to write instead of a value that is out of range; `nil`: it is not.
  private static func plain(
    _ form: ManifestForm, _ kind: String, written: @escaping @Sendable (Value) -> JSONText,
    hint: @escaping @Sendable (Value) -> String? = { _ in nil },
    parse: @escaping @Sendable (String) -> Value?
  ) -> Self {
    Self(form, written: written) { value, subject, faults in
      guard case .scalar(let text, isPlain: true) = value.content, let parsed = parse(text) else {
        faults.error(
          "wrong-type", "\(subject) is \(kind), not \(value.spoken)", at: value.location)
        return nil
      }
      guard let advice = hint(parsed) else { return parsed }
      faults.error("out-of-range", "\(subject) is `\(parsed)`", at: value.location, hint: advice)
      return nil
    }
  }
}

// MARK: Lists and mappings

extension ManifestType {
  /// A list of values, each with a place of its own; a single one is a list of one.
  package static func list<Element>(of element: ManifestType<Element>) -> Self
  where Value == [Element] {
    Self(
      .list(of: element.form, countMax: nil), written: { .array($0.map(element.written)) }
    ) { value, subject, faults in value.items.compactMap { element.read($0, subject, &faults) } }
  }

  /// Some of a few words; a wrong one is told at the list's place.
  static func choices<Choice>() -> Self
  where
    Value == [Choice], Choice: RawRepresentable & CaseIterable & Sendable, Choice.RawValue == String
  {
    let word = ManifestType<Choice>.choice()
    let hint = "write some of \(ManifestType<Choice>.spoken)"
    return Self(
      .list(of: word.form, countMax: nil), written: { .array($0.map(word.written)) }
    ) { value, subject, faults in
      value.items.compactMap { $0.text(of: subject, faults: &faults) }.compactMap {
        ManifestType<Choice>.word(
          $0, of: subject, at: value.location, "unknown-choice", hint, faults: &faults)
      }
    }
  }

  /// A list of at most `countMax` of a form, whose values are read elsewhere.
  static func items(of form: ManifestForm, countMax: Int? = nil) -> Self
  where Value == [ManifestValue] {
    Self(.list(of: form, countMax: countMax), written: { _ in .array([]) }) {
      value, subject, faults in
      let items = value.items
      guard let countMax, items.count > countMax else { return items }
      faults.error(
        "too-many", "\(subject) has \(items.count) entries", at: items[countMax].location,
        hint: "write at most \(countMax)")
      return Array(items.prefix(countMax))
    }
  }

  /// A mapping of names that the user chooses, in the order of the file.
  ///
  /// - Parameter element: Makes a value of an entry; `nil` after a fault, which is recorded.
  static func names<Element>(
    _ rule: TextRule, to form: ManifestForm,
    element: @escaping @Sendable (ManifestValue.Entry, inout ManifestFaults) -> Element?
  ) -> Self where Value == [Element] {
    Self(.names(rule, to: form), written: { _ in .object([JSONText.Member]()) }) {
      value, subject, faults in
      guard case .mapping(let entries) = value.content else {
        faults.error(
          "wrong-type", "\(subject) is a mapping of names, not \(value.spoken)",
          at: value.location)
        return nil
      }
      return entries.compactMap { element($0, &faults) }
    }
  }

  /// A mapping of names whose values are read elsewhere.
  static func names(_ rule: TextRule, to form: ManifestForm) -> Self
  where Value == [ManifestValue.Entry] {
    .names(rule, to: form) { entry, _ in entry }
  }

  /// A mapping with keys of its own.
  ///
  /// - Parameter check: What its keys together have to be; `nil` after a fault, which is recorded.
  package static func mapping<Root>(
    _ mapping: ManifestMapping<Root>,
    check: @escaping @Sendable (ManifestReading<Root>, inout ManifestFaults) -> Value?
  ) -> Self {
    Self(.mapping(mapping.table)) { value, _, faults in
      check(mapping.read(value, faults: &faults), &faults)
    }
  }

  /// A value that is read elsewhere.
  static func value(_ form: ManifestForm) -> Self where Value == ManifestValue? {
    Self(form) { value, _, _ in .some(value) }
  }
}

extension ManifestType<ManifestValue?> {
  /// A node set, resolved once all nodes and groups are known.
  static var nodeSet: Self { .value(.text(.nodeSet)) }
}

extension ManifestType<[ManifestVariable]> {
  /// Variables of processes.
  static var variables: Self {
    .names(.variable, to: .text(.any())) { entry, faults in
      guard TextRule.variable.accepts(entry.key) else {
        faults.error(
          "wrong-name", "`\(entry.key.prefix(80))` is no variable's name", at: entry.keyLocation,
          hint: "write letters, digits and `_`, not first a digit")
        return nil
      }
      let isEmpty = entry.value.content == .scalar("", isPlain: false)
      let value =
        isEmpty ? "" : entry.value.text(of: "variable `\(entry.key)`", faults: &faults)
      return value.map {
        ManifestVariable(name: entry.key, value: $0, location: entry.value.location)
      }
    }
  }
}
