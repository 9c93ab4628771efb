package import Fleet
import Manifest

/// The manifest's form as a JSON Schema, for editors and validators.
///
/// It refuses nothing that ``Manifest/ManifestReader`` reads. Where it knows less, it is silent: which
/// nodes, groups, services and secrets there are. Source: JSON Schema, draft 2020-12.
package enum ManifestSchema {
  package static var document: JSONText {
    .object(
      [
        ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
        ("title", .string("Muster's manifest")),
      ] + Self.closed(Manifest.keys))
  }

  // MARK: Mappings

  private static func mapping(_ table: ManifestTable) -> [(String, JSONText)] {
    table.hasRecipe ? Self.open(table) : Self.closed(table)
  }

  /// A mapping that has no other keys.
  private static func closed(_ table: ManifestTable) -> [(String, JSONText)] {
    [("type", .string("object")), ("properties", .object(Self.properties(of: table)))]
      + Self.demands(of: table) + [("additionalProperties", .bool(false))]
  }

  /// A mapping whose `recipe` says which keys stand beside its own.
  private static func open(_ table: ManifestTable) -> [(String, JSONText)] {
    let words = Recipe.allCases.map { JSONText.string($0.rawValue) }
    let selector = ManifestService.recipeKey
    let properties = Self.properties(of: table).map { name, value in
      guard name == selector, case .object(let members) = value else { return (name, value) }
      let rest = members.filter { $0.key != "type" }
      return (name, JSONText.object([.init("enum", .array(words))] + rest))
    }
    let branches = Recipe.allCases.map { recipe in
      let own = recipe.form.table
      let names = table.names.map { ($0, JSONText.bool(true)) }
      let then =
        [("properties", .object(names + Self.properties(of: own)))] + Self.demands(of: own)
        + [("additionalProperties", .bool(false))]
      let isMeant = JSONText.object([
        ("properties", .object([(selector, .object([("const", .string(recipe.rawValue))]))])),
        ("required", .array([.string(selector)])),
      ])
      return JSONText.object([("if", isMeant), ("then", .object(then))])
    }
    return [("type", .string("object")), ("properties", .object(properties))]
      + Self.demands(of: table) + [("allOf", .array(branches))]
  }

  private static func properties(of table: ManifestTable) -> [(String, JSONText)] {
    table.rows.map { row in
      var members = Self.value(of: row.form, canBeNothing: !row.isRequired)
      var meaning = row.meaning
      switch row.presence {
      case .optional(without: ""), .required: break
      case .optional(let without): meaning += ". Without it: \(without)"
      case .defaulted(.array([])), .defaulted(.object([])): break
      case .defaulted(let value): members.append(("default", value))
      }
      return (row.name, .object([("description", .string(meaning))] + members))
    }
  }

  private static func demands(of table: ManifestTable) -> [(String, JSONText)] {
    var members: [(String, JSONText)] = []
    let required = table.rows.filter(\.isRequired).map { JSONText.string($0.name) }
    if !required.isEmpty { members.append(("required", .array(required))) }
    // `null` reads as absent.
    func each(_ names: [String]) -> JSONText {
      .array(
        names.map { name in
          let isThere = JSONText.object([("not", .object(Self.nothing))])
          return .object([
            ("required", .array([.string(name)])), ("properties", .object([(name, isThere)])),
          ])
        })
    }
    switch table.demand {
    case .exactlyOne(let names): members.append(("oneOf", each(names)))
    case .atLeastOne(let names): members.append(("anyOf", each(names)))
    case nil: break
    }
    return members
  }

  // MARK: Values

  /// - Parameter canBeNothing: Whether `null`, which reads as absent, may stand there.
  private static func value(
    of form: ManifestForm, canBeNothing: Bool = false
  ) -> [(String, JSONText)] {
    func type(_ names: String?...) -> (String, JSONText) {
      let all = names.compactMap(\.self) + (canBeNothing ? ["null"] : [])
      return ("type", all.count == 1 ? .string(all[0]) : .array(all.map(JSONText.string)))
    }
    // In quotation marks a number is a text, whose size no pattern says.
    switch form {
    case .text(let rule):
      // Texts need no quotation marks: what YAML takes for a number or a truth value is one too.
      let pattern = rule.pattern.map { [("pattern", JSONText.string($0))] } ?? []
      return [
        type(
          "string", rule.accepts("1") ? "number" : nil, rule.accepts("true") ? "boolean" : nil)
      ] + pattern
    case .integer(let range, let besides):
      let bounds = Self.bounds(
        .integer(range.lowerBound), range.upperBound == .max ? nil : .integer(range.upperBound))
      let head = [type("integer", "string"), Self.pattern(ScalarText.integerPattern)]
      guard let besides else { return head + bounds }
      let other = JSONText.object([("const", .integer(besides))])
      return head + [("anyOf", .array([.object(bounds), other]))]
    case .decimal(let range):
      return [type("number", "string"), Self.pattern(ScalarText.decimalPattern)]
        + Self.bounds(.number(range.lowerBound), .number(range.upperBound))
    case .boolean:
      return [type("boolean", "string"), Self.pattern(ScalarText.booleanPattern)]
    case .words(let words):
      return [
        ("enum", .array(words.map(JSONText.string) + (canBeNothing ? [.null] : [])))
      ]
    case .names(let rule, let form):
      let names = rule.pattern.map {
        [("propertyNames", JSONText.object([("pattern", .string($0))]))]
      }
      return [type("object")] + (names ?? [])
        + [("additionalProperties", .object(Self.value(of: form)))]
    case .mapping(let table):
      let members = Self.mapping(table)
      return canBeNothing ? Self.anyOf([members, Self.nothing]) : members
    case .list(let form, let countMax):
      let one = Self.value(of: form)
      let limit = countMax.map { [("maxItems", JSONText.integer($0))] } ?? []
      let list = [("type", JSONText.string("array")), ("items", .object(one))] + limit
      return Self.anyOf([one, list] + (canBeNothing ? [Self.nothing] : []))
    case .either(let forms):
      return Self.anyOf(
        forms.map { Self.value(of: $0) } + (canBeNothing ? [Self.nothing] : []))
    }
  }

  private static let nothing = [("type", JSONText.string("null"))]

  /// Of texts; bounds are of numbers alone.
  private static func pattern(_ pattern: String) -> (String, JSONText) {
    ("pattern", .string(pattern))
  }

  private static func bounds(_ least: JSONText, _ most: JSONText?) -> [(String, JSONText)] {
    [("minimum", least)] + (most.map { [("maximum", $0)] } ?? [])
  }

  private static func anyOf(_ forms: [[(String, JSONText)]]) -> [(String, JSONText)] {
    [("anyOf", .array(forms.map { .object($0) }))]
  }
}
