package import Fleet

/// One key of a mapping: its name, what its value may be, what stands where it is left out, and its
/// meaning. The only place where any of these is written.
///
/// A reader gets the value with ``MappingReader/read(_:faults:)``: with a default it is the value's
/// own type, without one it is optional.
package struct ManifestKey<Value: Sendable>: Sendable {
  package let row: ManifestRow
  /// What is read where the key is left out, and after a fault.
  package let absent: Value
  let read: @Sendable (ManifestValue, String, inout ManifestFaults) -> Value?

  /// A key with a default.
  package init(
    _ name: String, _ type: ManifestType<Value>, default absent: Value, _ meaning: String
  ) {
    self.row = ManifestRow(
      name: name, form: type.form, presence: .defaulted(type.written(absent)), meaning: meaning)
    self.absent = absent
    self.read = type.read
  }

  /// A key that may be left out.
  ///
  /// - Parameter without: What holds then, for the tables.
  package init<Wrapped: Sendable>(
    _ name: String, _ type: ManifestType<Wrapped>, without: String = "", _ meaning: String
  ) where Value == Wrapped? {
    self.init(name, type, .optional(without: without), meaning)
  }

  /// A key that has to be there.
  ///
  /// - Parameter hint: Told where it is absent; `nil`: the reader tells that itself.
  package init<Wrapped: Sendable>(
    required name: String, _ type: ManifestType<Wrapped>, hint: String? = nil, _ meaning: String
  ) where Value == Wrapped? {
    self.init(name, type, .required(hint: hint), meaning)
  }

  private init<Wrapped: Sendable>(
    _ name: String, _ type: ManifestType<Wrapped>, _ presence: ManifestRow.Presence,
    _ meaning: String
  ) where Value == Wrapped? {
    self.row = ManifestRow(name: name, form: type.form, presence: presence, meaning: meaning)
    self.absent = nil
    self.read = { type.read($0, $1, &$2) }
  }
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
    /// Exactly one.
    case exactlyOne(of: [String])
    /// At least one.
    case atLeastOne(of: [String])
  }

  /// What else the mapping may hold.
  package enum Rest: Equatable, Sendable {
    case nothing
    /// The keys of the recipe that its key `recipe` names.
    case recipe
  }

  /// What the mapping is, in messages: "an entry of `nodes`".
  package let subject: String
  /// Its heading among the tables; `nil`: its keys stand with those of the mapping around it.
  package let title: String?
  package let demand: Demand?
  package let rest: Rest
  /// In the order in which people read them; each name once.
  package let rows: [ManifestRow]

  package init<each Value: Sendable>(
    _ subject: String, title: String? = nil, demand: Demand? = nil, rest: Rest = .nothing,
    _ keys: repeat ManifestKey<each Value>
  ) {
    self.subject = subject
    self.title = title
    self.demand = demand
    self.rest = rest
    var rows: [ManifestRow] = []
    for key in repeat each keys { rows.append(key.row) }
    self.rows = rows
  }

  /// The names of its keys, in their order.
  package var names: [String] { self.rows.map(\.name) }

  /// Whether `row` has to be there, or may be one of those that have to.
  package func demands(_ row: ManifestRow) -> Bool {
    switch self.demand {
    case .exactlyOne(let names), .atLeastOne(let names): row.isRequired || names.contains(row.name)
    case nil: row.isRequired
    }
  }
}
