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
    rest: ManifestTable.Rest = .nothing, _ keys: [ManifestKey<Root>]
  ) {
    self.root = root
    self.keys = keys
    self.table = ManifestTable(
      subject: subject, title: title, demand: demand, rest: rest, rows: keys.map { $0.row(root) })
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
    guard self.table.rest == .nothing else { return reading }
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

  fileprivate init(root: Root, location: SourceLocation) {
    self.root = root
    self.location = location
  }

  /// Where the value of the key is that goes there; `nil` where none is written.
  package func place(of path: PartialKeyPath<Root>) -> SourceLocation? { self.places[path] }
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
