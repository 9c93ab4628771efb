import Fleet

/// A form with what a reader makes of it.
package struct ManifestType<Value: Sendable>: Sendable {
  package let form: ManifestForm
  /// The value, `nil` after a fault, which is recorded; the text is the subject of messages.
  let read: @Sendable (ManifestValue, String, inout ManifestFaults) -> Value?
  /// A value as a manifest has it.
  let written: @Sendable (Value) -> JSONText
}

extension ManifestType<String> {
  /// Any text.
  package static var text: Self { .text(like: .any()) }

  /// A text that its reader holds against `rule` together with other values.
  package static func text(like rule: TextRule) -> Self {
    Self(
      form: .text(rule),
      read: { MappingReader.text($0, of: $1, faults: &$2) }, written: JSONText.string)
  }

  /// A text that `rule` accepts.
  ///
  /// - Parameter summary: What is said of another one, from the subject and the text.
  package static func text(
    _ rule: TextRule, code: String, hint: String,
    summary: @escaping @Sendable (_ subject: String, _ text: String) -> String = {
      "\($0) is `\($1.prefix(80))`"
    }
  ) -> Self {
    Self(
      form: .text(rule),
      read: { value, subject, faults in
        let text = MappingReader.text(value, of: subject, faults: &faults)
        guard let text, !rule.accepts(text) else { return text }
        faults.error(code, summary(subject, text), at: value.location, hint: hint)
        return nil
      }, written: JSONText.string)
  }

  /// A number in a range, as it is written.
  package static func decimal(_ range: ClosedRange<Double>) -> Self {
    Self(
      form: .decimal(range),
      read: { value, subject, faults in
        guard case .scalar(let text, isPlain: true) = value.content, let number = Double(text),
          number.isFinite
        else {
          faults.error(
            "wrong-type", "\(subject) is a number, not \(value.spoken)", at: value.location)
          return nil
        }
        guard range.contains(number) else {
          faults.error(
            "out-of-range", "\(subject) is `\(text)`", at: value.location,
            hint: "write \(range.lowerBound) to \(range.upperBound)")
          return nil
        }
        return text
      }, written: JSONText.string)
  }
}

extension ManifestType<Int> {
  /// A whole number in a range, or `besides`, which `meaning` says.
  package static func integer(
    _ range: ClosedRange<Int>, besides: Int? = nil, meaning: String = ""
  ) -> Self {
    Self(
      form: .integer(range, besides: besides),
      read: { value, subject, faults in
        guard case .scalar(let text, isPlain: true) = value.content, let number = Int(text) else {
          faults.error(
            "wrong-type", "\(subject) is a whole number, not \(value.spoken)", at: value.location)
          return nil
        }
        guard range.contains(number) || number == besides else {
          let span =
            range.upperBound == .max
            ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
          faults.error(
            "out-of-range", "\(subject) is `\(number)`", at: value.location,
            hint: besides.map { "write \(span), or \($0) for \(meaning)" } ?? "write \(span)")
          return nil
        }
        return number
      }, written: JSONText.integer)
  }
}

extension ManifestType<Bool> {
  package static var boolean: Self {
    Self(
      form: .boolean,
      read: { value, subject, faults in
        switch value.content {
        case .scalar("true", isPlain: true): return true
        case .scalar("false", isPlain: true): return false
        case .scalar, .list, .mapping:
          faults.error(
            "wrong-type", "\(subject) is `true` or `false`, not \(value.spoken)",
            at: value.location)
          return nil
        }
      }, written: JSONText.bool)
  }
}

extension ManifestType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of a few words.
  package static func choice(
    _ type: Value.Type, code: String = "unknown-choice", hint: String? = nil
  ) -> Self {
    Self(
      form: .words(type.allCases.map(\.rawValue)),
      read: { value, subject, faults in
        guard let text = MappingReader.text(value, of: subject, faults: &faults) else { return nil }
        if let choice = Value(rawValue: text) { return choice }
        faults.error(
          code, "\(subject) is `\(text.prefix(80))`", at: value.location,
          hint: hint ?? "write one of \(Self.spoken)")
        return nil
      }, written: { .string($0.rawValue) })
  }

  fileprivate static var spoken: String {
    Value.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
  }
}

extension ManifestType {
  /// A list of values, each with a place of its own; a single one is a list of one.
  package static func list<Element>(of element: ManifestType<Element>) -> Self
  where Value == [Element] {
    Self(
      form: .list(of: element.form, countMax: nil),
      read: { value, subject, faults in
        value.items.compactMap { element.read($0, subject, &faults) }
      }, written: { .array($0.map(element.written)) })
  }

  /// Some of a few words; a wrong one is told at the list's place.
  package static func choices<Choice>(_ type: Choice.Type) -> Self
  where
    Value == [Choice], Choice: RawRepresentable & CaseIterable & Sendable, Choice.RawValue == String
  {
    let words = ManifestType<Choice>.choice(
      type, hint: "write some of \(ManifestType<Choice>.spoken)")
    return Self(
      form: .list(of: words.form, countMax: nil),
      read: { value, subject, faults in
        value.items.compactMap { item in
          guard let text = MappingReader.text(item, of: subject, faults: &faults) else {
            return nil
          }
          let there = ManifestValue(.scalar(text, isPlain: false), at: value.location)
          return words.read(there, subject, &faults)
        }
      }, written: { .array($0.map(words.written)) })
  }

  /// Names of secrets, each once; one that is none is told at the list's place.
  static func secrets(hint: String) -> Self where Value == [String] {
    Self(
      form: .list(of: .text(.variable), countMax: nil),
      read: { value, subject, faults in
        var names: [String] = []
        for item in value.items {
          guard let name = MappingReader.text(item, of: subject, faults: &faults) else { continue }
          if !TextRule.variable.accepts(name) {
            faults.error(
              "wrong-name", "secret `\(name.prefix(80))` is no variable's name",
              at: value.location, hint: hint)
          }
          if !names.contains(name) { names.append(name) }
        }
        return names
      }, written: { .array($0.map(JSONText.string)) })
  }

  /// A list of at most `countMax` of a form, whose values the reader reads itself.
  package static func items(of form: ManifestForm, countMax: Int? = nil) -> Self
  where Value == [ManifestValue] {
    Self(
      form: .list(of: form, countMax: countMax),
      read: { value, subject, faults in
        let items = value.items
        guard let countMax, items.count > countMax else { return items }
        faults.error(
          "too-many", "\(subject) has \(items.count) entries", at: items[countMax].location,
          hint: "write at most \(countMax)")
        return Array(items.prefix(countMax))
      }, written: { _ in .array([]) })
  }

  /// A mapping of names that the user chooses, in the order of the file; the reader reads the values.
  package static func names(_ rule: TextRule, to form: ManifestForm) -> Self
  where Value == [ManifestValue.Entry] {
    Self(
      form: .names(rule, to: form),
      read: { value, subject, faults in
        if case .mapping(let entries) = value.content { return entries }
        faults.error(
          "wrong-type", "\(subject) is a mapping of names, not \(value.spoken)",
          at: value.location)
        return nil
      }, written: { _ in .object([JSONText.Member]()) })
  }

  /// A value that its reader takes apart itself.
  package static func value(_ form: ManifestForm) -> Self where Value == ManifestValue {
    Self(form: form, read: { value, _, _ in value }, written: { _ in .null })
  }
}

extension ManifestType<ManifestValue> {
  /// A node set, resolved by its reader.
  package static var nodeSet: Self { .value(.text(.nodeSet)) }
}
