package import Fleet

/// One key of a mapping that becomes a `Root`: its name, where its value goes, what that may be, what
/// holds where the key is left out, and its meaning. The only place where any of these is written.
package struct ManifestKey<Root: Sendable>: Sendable {
  fileprivate let name: String
  fileprivate let path: any PartialKeyPath<Root> & Sendable
  /// Of the key, in a mapping that begins as a root.
  fileprivate let row: @Sendable (Root) -> ManifestRow
  /// Whether it could be read; else a fault is recorded, and the root is as before.
  fileprivate let read: @Sendable (ManifestValue, inout Root, inout ManifestFaults) -> Bool

  /// A key without which what the root has holds.
  package static func defaulted<Value>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable,
    _ type: ManifestType<Value>, _ meaning: String
  ) -> Self {
    Self(name, path, type, meaning) { .defaulted(type.written($0[keyPath: path])) }
  }

  /// A key that may be left out.
  ///
  /// - Parameter without: What holds then, for the tables.
  package static func optional<Value>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable,
    _ type: ManifestType<Value>, without: String = "", _ meaning: String
  ) -> Self {
    Self(name, path, type, meaning) { _ in .optional(without: without) }
  }

  /// As ``optional(_:_:_:without:_:)``, into what is `nil` without it.
  package static func optional<Value>(
    _ name: String, _ path: any WritableKeyPath<Root, Value?> & Sendable,
    _ type: ManifestType<Value>, without: String = "", _ meaning: String
  ) -> Self {
    .optional(name, path, type.optional, without: without, meaning)
  }

  /// A key that has to be there.
  ///
  /// - Parameter hint: Told where it is absent; `nil`: whoever reads the mapping tells that.
  package static func required<Value>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable,
    _ type: ManifestType<Value>, hint: String? = nil, _ meaning: String
  ) -> Self {
    Self(name, path, type, meaning) { _ in .required(hint: hint) }
  }

  private init<Value>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable,
    _ type: ManifestType<Value>, _ meaning: String,
    presence: @escaping @Sendable (Root) -> ManifestRow.Presence
  ) {
    self.name = name
    self.path = path
    self.row = {
      ManifestRow(name: name, form: type.form, presence: presence($0), meaning: meaning)
    }
    self.read = { value, root, faults in
      guard let read = type.read(value, "`\(name)`", &faults) else { return false }
      root[keyPath: path] = read
      return true
    }
  }
}

/// The keys of one mapping of the manifest, and what it becomes.
package struct ManifestMapping<Root: Sendable>: Sendable {
  package let table: ManifestTable
  /// What it is without any key.
  private let root: Root
  private let keys: [ManifestKey<Root>]

  /// - Parameters: As ``ManifestTable`` has them.
  package init(
    _ root: Root, _ subject: String, title: String? = nil, demand: ManifestTable.Demand? = nil,
    hasRecipe: Bool = false, _ keys: [ManifestKey<Root>]
  ) {
    self.root = root
    self.keys = keys
    self.table = ManifestTable(
      subject: subject, title: title, demand: demand, hasRecipe: hasRecipe,
      rows: keys.map { $0.row(root) })
  }

  /// Reads one mapping strictly: a key that it has not is a fault, unless its table leaves the rest to
  /// others. Every fault is recorded; a value that is wrong reads as absent.
  ///
  /// - Parameters:
  ///   - value: A mapping; anything else is recorded as a fault and reads as empty.
  ///   - root: What holds where nothing is written, in place of its own.
  ///   - subject: What it is in messages, "service `policy`", in place of the table's.
  ///   - place: Where to point when a key is missing, in place of the mapping's own.
  ///   - more: Whose keys stand around it, for the hint with the nearest name.
  package func read(
    _ value: ManifestValue, onto root: Root? = nil, subject: String? = nil,
    at place: SourceLocation? = nil, alsoKnown more: ManifestTable? = nil,
    faults: inout ManifestFaults
  ) -> ManifestReading<Root> {
    let subject = subject ?? self.table.subject
    var reading = ManifestReading(root: root ?? self.root, location: place ?? value.location)
    switch value.content {
    case .mapping(let entries): reading.rest = entries
    case .scalar where value.isNothing: break
    case .scalar, .list:
      faults.error(
        "wrong-type", "\(subject) is a mapping of keys, not \(value.spoken)", at: value.location)
    }
    for (key, row) in zip(self.keys, self.table.rows) {
      let index = reading.rest.firstIndex { $0.key == key.name }
      let found = index.map { reading.rest.remove(at: $0).value }
      var isRead = false
      if let found, !found.isNothing {
        reading.places[key.path] = found.location
        isRead = key.read(found, &reading.root, &faults)
      } else if case .required(let hint?) = row.presence {
        faults.error(
          "no-\(key.name)", "\(subject) names no `\(key.name)`", at: reading.location, hint: hint)
      }
      if row.isRequired, !isRead { reading.isComplete = false }
    }
    if self.table.hasRecipe { return reading }
    let names = self.table.names + (more?.names ?? [])
    for entry in reading.rest {
      faults.error(
        "unknown-key", "\(subject) has no key `\(entry.key.prefix(80))`", at: entry.keyLocation,
        hint: Nearest.hint(for: entry.key, in: names, as: "known here", listed: names.sorted()))
    }
    return reading
  }
}

/// What came of a mapping.
package struct ManifestReading<Root: Sendable> {
  package fileprivate(set) var root: Root
  package let location: SourceLocation
  /// Whether every key that has to be there could be read.
  package fileprivate(set) var isComplete = true
  /// The entries that are no keys of it.
  fileprivate(set) var rest: [ManifestValue.Entry] = []
  fileprivate var places: [PartialKeyPath<Root>: SourceLocation] = [:]

  /// Where the value of the key is that goes there; `nil` where none is written.
  package func place(of path: PartialKeyPath<Root>) -> SourceLocation? { self.places[path] }
}

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

  /// A name or an address.
  package static var address: Self {
    .text(
      .address, code: "wrong-address",
      hint: "write a name or an address alone, one of IPv6 without brackets: port and user have "
        + "keys of their own")
  }

  /// A number in a range, as it is written.
  package static func decimal(_ range: ClosedRange<Double>) -> Self {
    .plain(
      .decimal(range), "a number", written: JSONText.string,
      hint: { text in
        Double(text).map { range.contains($0) } == true
          ? nil : "write \(range.lowerBound) to \(range.upperBound)"
      }, advice: { ScalarText.advice(decimal: $0) }, parse: { ScalarText.decimal($0) })
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
      hint: { range.contains($0) || $0 == besides ? nil : hint },
      advice: { ScalarText.advice(integer: $0) }, parse: { ScalarText.integer($0) })
  }
}

extension ManifestType<Bool> {
  package static var boolean: Self {
    .plain(
      .boolean, "`true` or `false`", written: JSONText.bool,
      advice: { ScalarText.advice(boolean: $0) }, parse: { ScalarText.boolean($0) })
  }
}

extension ManifestType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of a few words.
  ///
  /// - Parameter count: How many of them may be written, in words.
  static func choice(
    _ count: String = "one", code: String = "unknown-choice", hint: String? = nil
  ) -> Self {
    let words = Value.allCases.map(\.rawValue)
    let all = words.map { "`\($0)`" }.joined(separator: ", ")
    return Self(.words(words), written: { .string($0.rawValue) }) { value, subject, faults in
      guard let text = value.text(of: subject, faults: &faults) else { return nil }
      if let choice = Value(rawValue: text) { return choice }
      faults.error(
        code, "\(subject) is `\(text.prefix(80))`", at: value.location,
        hint: hint ?? "write \(count) of \(all)")
      return nil
    }
  }
}

extension ManifestType {
  /// A number or a truth value.
  ///
  /// - Parameters:
  ///   - kind: "a whole number".
  ///   - hint: What to write instead of a value that is out of range; `nil`: it is not.
  ///   - advice: What to write instead of a text that is no value; `nil`: nobody knows.
  private static func plain(
    _ form: ManifestForm, _ kind: String, written: @escaping @Sendable (Value) -> JSONText,
    hint: @escaping @Sendable (Value) -> String? = { _ in nil },
    advice: @escaping @Sendable (String) -> String?, parse: @escaping @Sendable (String) -> Value?
  ) -> Self {
    Self(form, written: written) { value, subject, faults in
      var text: String?
      if case .scalar(let scalar, _) = value.content { text = scalar }
      guard let parsed = text.flatMap(parse) else {
        faults.error(
          "wrong-type", "\(subject) is \(kind), not \(value.spoken)", at: value.location,
          hint: text.flatMap(advice))
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
  package static func list<Element>(
    of element: ManifestType<Element>, countMax: Int? = nil
  ) -> Self where Value == [Element] {
    Self(
      .list(of: element.form, countMax: countMax), written: { .array($0.map(element.written)) }
    ) { value, subject, faults in
      let items = value.items
      if let countMax, items.count > countMax {
        faults.error(
          "too-many", "\(subject) has \(items.count) entries", at: items[countMax].location,
          hint: "write at most \(countMax)")
      }
      return items.prefix(countMax ?? .max).compactMap { element.read($0, subject, &faults) }
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
}

extension ManifestType<ManifestValue> {
  /// A value that is read elsewhere.
  static func value(_ form: ManifestForm) -> Self { Self(form) { value, _, _ in value } }

  /// A node set, resolved once all nodes and groups are known.
  static var nodeSet: Self { .value(.text(.nodeSet)) }
}
