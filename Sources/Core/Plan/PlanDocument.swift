package import Fleet
import Launch

/// A plan as canonical JSON: keys sorted, no blanks, no escaped slashes; the same plan always gives
/// the same bytes.
extension Plan {
  /// 64 MiB: 4,096 nodes with a dozen replicas each.
  package static let maximumDocumentSize = 64 << 20

  /// The canonical bytes, without a line feed at the end.
  package func canonicalJSON() throws -> [UInt8] {
    try CanonicalJSON.bytes(of: self)
  }

  /// SHA-256 of the canonical bytes in 64 hexadecimal digits.
  package func hash() throws -> String {
    SHA256.hex(of: try self.canonicalJSON())
  }

  /// Secrets that stand in the plan itself, each value once: the manifest has them in `env` or among
  /// arguments.
  package var writtenSecrets: [(name: String, value: String)] {
    var found: [(name: String, value: String)] = []
    for launch in self.services.flatMap(\.replicas).map(\.launch) {
      let variables = launch.environment.filter {
        SecretShapes.isSecret(variable: $0.name, value: $0.value)
      }
      found += SecretShapes.values(in: launch.argv).map { ($0.option, $0.value) }
      found += variables.map { ($0.name, $0.value) }
    }
    return found.grouped { $0.value }.compactMap { $0.elements.first }
  }

  /// The plan as it may be shown and passed on.
  package var withoutSecrets: Plan {
    var plan = self
    for service in plan.services.indices {
      for replica in plan.services[service].replicas.indices {
        var launch = plan.services[service].replicas[replica].launch
        launch.argv = SecretShapes.redact(arguments: launch.argv)
        for index in launch.environment.indices
        where SecretShapes.isSecret(variable: launch.environment[index].name) {
          launch.environment[index].value = SecretShapes.mark
        }
        plan.services[service].replicas[replica].launch = launch
      }
    }
    return plan
  }

  /// - Throws: A `Diagnostic` for bytes that are too many, no JSON or no plan of this version.
  package init(json: [UInt8]) throws(Diagnostic) {
    guard json.count <= Self.maximumDocumentSize else {
      throw Diagnostic(code: "plan-too-large", "plan has `\(json.count)` bytes")
    }
    struct Head: Decodable { var version: Int }
    // Before all else: what another version wrote is not damaged.
    if let head: Head = try? CanonicalJSON.value(from: json), head.version != Self.formVersion {
      throw Diagnostic(
        code: "unknown-version",
        "plan has version `\(head.version)`, and this program reads \(Self.formVersion)",
        hints: ["the `muster` that began the run ends it: `down` with that one"])
    }
    let plan: Plan
    do {
      plan = try CanonicalJSON.value(from: json)
    } catch {
      throw Diagnostic(
        code: "damaged-plan", "plan is damaged: it is not what `muster` wrote",
        causes: ["\(error)"], hints: ["start a new run: its records are kept"])
    }
    guard (1...4096).contains(plan.nodes.count) else {
      throw Diagnostic(code: "damaged-plan", "plan has `\(plan.nodes.count)` nodes")
    }
    self = plan
  }

  /// The fields in which `old` and this plan differ, such as
  /// `services[0].replicas[2].launch.argv[4]: "8" is now "16"`; at most 50, in the order of names. What a
  /// secret is and was is not said.
  package func differences(from old: Plan) throws -> [String] {
    guard self != old else { return [] }
    func found(_ old: Plan, _ new: Plan) throws -> [(path: String, words: String)] {
      var found: [(path: String, words: String)] = []
      JSONTree.compare(
        try CanonicalJSON.value(from: old.canonicalJSON()),
        try CanonicalJSON.value(from: new.canonicalJSON()), path: "", into: &found)
      return found
    }
    let shown = try found(old.withoutSecrets, self.withoutSecrets)
    return try found(old, self).prefix(50).map { path, _ in
      let words = shown.first { $0.path == path }?.words
      return "`\(path)`: \(words ?? "the secret is now another one")"
    }
  }
}

/// Any JSON, for comparing.
private enum JSONTree: Decodable, Equatable {
  case object([String: JSONTree])
  case list([JSONTree])
  /// As it is told.
  case scalar(String)

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .scalar("nothing")
    } else if let value = try? container.decode(Bool.self) {
      self = .scalar("\(value)")
    } else if let value = try? container.decode(Int64.self) {
      self = .scalar("\(value)")
    } else if let value = try? container.decode(UInt64.self) {
      self = .scalar("\(value)")
    } else if let value = try? container.decode(String.self) {
      self = .scalar("\"\(value)\"")
    } else if let value = try? container.decode([JSONTree].self) {
      self = .list(value)
    } else {
      self = .object(try container.decode([String: JSONTree].self))
    }
  }

  private var spoken: String {
    switch self {
    case .object: "{…}"
    case .list(let items): "[\(items.map(\.spoken).joined(separator: ", "))]"
    case .scalar(let text): text
    }
  }

  static func compare(
    _ old: Self, _ new: Self, path: String, into found: inout [(path: String, words: String)]
  ) {
    guard old != new else { return }
    switch (old, new) {
    case (.object(let before), .object(let after)):
      for key in Set(before.keys).union(after.keys).sorted() {
        Self.compare(
          before[key] ?? .scalar("nothing"), after[key] ?? .scalar("nothing"),
          path: path.isEmpty ? key : "\(path).\(key)", into: &found)
      }
    case (.list(let before), .list(let after)) where before.count == after.count:
      for (index, pair) in zip(before, after).enumerated() {
        Self.compare(pair.0, pair.1, path: "\(path)[\(index)]", into: &found)
      }
    case (.object, _), (.list, _), (.scalar, _):
      found.append((path, "\(old.spoken) is now \(new.spoken)"))
    }
  }
}
