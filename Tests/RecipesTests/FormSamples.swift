import Fleet
import Manifest
import Recipes

/// Manifests that hold one value of every kind for every key there is: right ones and wrong ones.
struct FormSamples {
  struct Document {
    var text: String
    /// The key, as a path: `services.x.port`.
    var path: String
    var isRight: Bool
  }

  private(set) var documents: [Document] = []

  init() {
    self.add(Manifest.keys, [], path: "") { $0 }
  }

  /// - Parameters:
  ///   - others: Entries of the mapping that the table's keys need beside them.
  ///   - wrap: From the mapping to the whole manifest.
  private mutating func add(
    _ table: ManifestTable, _ others: [(String, String)], path: String,
    wrap: @escaping (String) -> String
  ) {
    func manifest(_ name: String, _ value: String) -> String {
      let least = Self.least(table, with: name) + others
      return wrap(Self.mapping(least.filter { $0.0 != name } + [(name, value)]))
    }
    self.documents.append(
      Document(text: manifest("unknown_key", "1"), path: "\(path)unknown_key", isRight: false))
    let demanded = Self.demanded(by: table)
    for row in table.rows {
      let isSelector = row.name == Self.selector
      for value in isSelector ? ["command"] : Self.right(row.form) {
        self.documents.append(
          Document(text: manifest(row.name, value), path: path + row.name, isRight: true))
      }
      // Nothing is as good as no key at all.
      let other = demanded.contains(row.name) ? demanded.first { $0 != row.name } : nil
      let isFree = !row.isRequired && (!demanded.contains(row.name) || other != nil)
      let value = other.flatMap { name in table.rows.first { $0.name == name } }.map {
        "~, \($0.name): \(Self.right($0.form)[0])"
      }
      self.documents.append(
        Document(
          text: manifest(row.name, value ?? "~"), path: path + row.name, isRight: isFree))
      for value in Self.wrong(row.form) + (isSelector ? ["word"] : [])
        + (demanded.contains(row.name) ? ["~"] : [])
      {
        self.documents.append(
          Document(text: manifest(row.name, value), path: path + row.name, isRight: false))
      }
      for (inner, embed) in Self.inner(row.form) {
        self.add(inner, inner.hasRecipe ? Self.anyRecipe : [], path: "\(path)\(row.name).") {
          manifest(row.name, embed($0))
        }
        guard inner.hasRecipe else { continue }
        for recipe in Recipe.allCases {
          let named = [(Self.selector, recipe.rawValue)]
          self.add(recipe.form.table, named, path: "\(path)\(row.name).\(recipe.rawValue).") {
            manifest(row.name, embed($0))
          }
        }
      }
    }
  }

  private static let selector = "recipe"
  private static var anyRecipe: [(String, String)] {
    least(Recipe.command.form.table, with: "")
  }

  /// The tables within a form, each with what puts one of its mappings into the form.
  private static func inner(_ form: ManifestForm) -> [(ManifestTable, (String) -> String)] {
    switch form {
    case .mapping(let table): [(table, { $0 })]
    case .list(let form, _):
      Self.inner(form).map { table, embed in (table, { "[\(embed($0))]" }) }
    case .names(_, let form):
      Self.inner(form).map { table, embed in (table, { "{x: \(embed($0))}" }) }
    case .either(let forms): forms.flatMap(Self.inner)
    case .text, .integer, .decimal, .boolean, .words: []
    }
  }

  /// The keys of which one or more have to be there.
  private static func demanded(by table: ManifestTable) -> [String] {
    switch table.demand {
    case .exactlyOne(let names), .atLeastOne(let names): names
    case nil: []
    }
  }

  /// The entries that a mapping cannot do without, where it has the key `name`.
  private static func least(_ table: ManifestTable, with name: String) -> [(String, String)] {
    let some = Self.demanded(by: table)
    let names = some.contains(name) ? [] : some.prefix(1)
    return table.rows.filter { $0.isRequired || names.contains($0.name) }.map { row in
      (row.name, row.name == Self.selector ? "command" : Self.right(row.form)[0])
    }
  }

  private static func mapping(_ entries: [(String, String)]) -> String {
    "{" + entries.map { "\($0.0): \($0.1)" }.joined(separator: ", ") + "}"
  }

  // MARK: Values, in the flow style of YAML

  private static func right(_ form: ManifestForm) -> [String] {
    switch form {
    case .text(let rule):
      let values = ["n1", "V", "/a/b", "https://example.com/a", "12", "true", "\"1\""]
      return values.filter { value in
        rule.accepts(value.filter { $0 != "\"" }) && (rule.spoken != "node set" || value == "n1")
      }
    case .integer(let range, let besides):
      let most = range.upperBound == .max ? 1 << 40 : range.upperBound
      return [range.lowerBound, most].map(String.init) + (besides.map { ["\($0)"] } ?? [])
        + ["\"\(range.lowerBound)\""]
    case .decimal(let range):
      return ["\(range.lowerBound)", "\(range.upperBound)", "\"\(range.upperBound)\""]
    case .boolean: return ["true", "false", "\"true\"", "yes", "Off"]
    case .words(let words): return words
    case .list(let form, _):
      let values = Self.right(form)
      return values + ["[\(values.joined(separator: ", "))]", "[]"]
    case .names(_, let form): return Self.right(form).map { "{x: \($0)}" } + ["{}"]
    case .mapping(let table):
      let recipe = table.hasRecipe ? Self.anyRecipe : []
      return [Self.mapping(Self.least(table, with: "") + recipe)]
    case .either(let forms): return forms.flatMap(Self.right)
    }
  }

  private static func wrong(_ form: ManifestForm) -> [String] {
    switch form {
    case .text(let rule):
      let texts = ["-", "ftp://x", "a b", "../a b"].filter {
        rule.pattern != nil && !rule.accepts($0)
      }
      return texts.map { "\"\($0)\"" } + ["{unknown_key: 1}", "[[a]]"]
    case .integer(let range, let besides):
      let over = range.upperBound == .max ? [] : ["\(range.upperBound + 1)"]
      return over + [
        "\(range.lowerBound - (besides == nil ? 1 : 3))", "word", "\"1 0\"", "1.5", "[[1]]",
        "{a: 1}",
      ]
    case .decimal(let range):
      return ["\(range.lowerBound / 2)", "\(range.upperBound * 1.01)", "word", "[[1]]", "\"a\""]
    case .boolean: return ["word", "1", "\"1\"", "[true]"]
    case .words: return ["word", "7", "[[word]]"]
    case .list(let form, let countMax):
      let over = countMax.map { count in
        let value = Self.right(form)[0]
        return "[" + Array(repeating: value, count: count + 1).joined(separator: ", ") + "]"
      }
      return Self.wrong(form).flatMap { [$0, "[\($0)]"] } + (over.map { [$0] } ?? [])
    case .names(let rule, let form):
      let name = rule.accepts("-") ? [] : ["{\"-\": \(Self.right(form)[0])}"]
      return name + Self.wrong(form).map { "{x: \($0)}" } + ["word", "[a]"]
    case .mapping: return ["word", "[a]", "{unknown_key: 1}"]
    case .either(let forms):
      let texts = forms.contains { if case .text = $0 { true } else { false } }
      return ["[[a]]", "{unknown_key: 1}"] + (texts ? [] : ["word"])
    }
  }
}
