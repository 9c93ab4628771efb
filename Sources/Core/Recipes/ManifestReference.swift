import Fleet
import Manifest

/// The manifest's keys as tables of Markdown: the README's.
package enum ManifestReference {
  /// One table a mapping, in the order in which a reader meets them; ends with a line feed.
  package static var text: String {
    var text = Self.section(Manifest.keys, intro: nil)
    for table in Self.tables(in: Manifest.keys) {
      text += "\n" + Self.section(table, intro: nil)
      guard table.hasRecipe else { continue }
      for recipe in Recipe.allCases {
        let form = recipe.form
        let intro =
          "\(form.meaning). `\(ManifestService.readyTimeoutKey)` is \(form.readyTimeoutSeconds) and "
          + "`\(ManifestService.stopGraceKey)` \(form.stopGraceSeconds) where the service has none."
        text += "\n" + Self.section(form.table, intro: intro)
      }
    }
    return text
  }

  /// The tables with a heading of their own within `table`, each once, in the order of the keys.
  private static func tables(in table: ManifestTable) -> [ManifestTable] {
    var found: [ManifestTable] = []
    for row in table.rows {
      for inner in row.form.tables {
        let more = (inner.title == nil ? [] : [inner]) + Self.tables(in: inner)
        found += more.filter { one in !found.contains { $0.title == one.title } }
      }
    }
    return found
  }

  private static func section(_ table: ManifestTable, intro: String?) -> String {
    let heading = "### \(table.heading)\n\n" + (intro.map { "\($0)\n\n" } ?? "")
    return heading + "| key | value | without it | meaning |\n|---|---|---|---|\n"
      + Self.lines(of: table, path: "")
  }

  private static func lines(of table: ManifestTable, path: String) -> String {
    var text = ""
    for row in table.rows {
      let isRecipe = table.hasRecipe && row.name == ManifestService.recipeKey
      let form = isRecipe ? .words(Recipe.allCases.map(\.rawValue)) : row.form
      let cells = [
        "`\(path)\(row.name)`" + (row.isRequired ? " ✱" : ""), Self.value(of: form),
        Self.absence(of: row), row.meaning,
      ]
      text += "| \(cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ")) |\n"
      for inner in row.form.tables where inner.title == nil {
        text += Self.lines(of: inner, path: "\(path)\(row.name).")
      }
    }
    return text
  }

  private static func absence(of row: ManifestRow) -> String {
    switch row.presence {
    case .required, .defaulted(.object): ""
    case .optional(let without): without
    case .defaulted(.array(let values)):
      values.map { "`\($0.plain)`" }.joined(separator: ", ")
    case .defaulted(let value): "`\(value.plain)`"
    }
  }

  private static func value(of form: ManifestForm) -> String {
    switch form {
    case .text(let rule): return rule.spoken
    case .integer(let range, _) where range.lowerBound == range.upperBound:
      return "`\(range.lowerBound)`"
    case .integer(let range, let besides):
      let most = range.upperBound == .max ? " or more" : "–\(range.upperBound)"
      return "\(range.lowerBound)\(most)" + (besides.map { ", \($0)" } ?? "")
    case .decimal(let range): return "decimal, \(range.lowerBound)–\(range.upperBound)"
    case .boolean: return "`true`, `false`"
    case .words(let words): return words.map { "`\($0)`" }.joined(separator: ", ")
    case .list(let form, nil): return "\(Self.value(of: form)); one or a list"
    case .list(let form, let countMax?):
      return "\(Self.value(of: form)); one or a list of at most \(countMax)"
    case .names(_, let form): return "name: \(Self.value(of: form))"
    case .mapping(let table):
      let names = "`{\(table.names.joined(separator: ", "))}`"
      return table.title == nil ? names : "[\(table.heading)](#\(table.anchor))"
    case .either(let forms): return forms.map(Self.value).joined(separator: "; ")
    }
  }
}

extension JSONText {
  /// As a manifest has it, without quotation marks.
  fileprivate var plain: String {
    if case .string(let text) = self { return text }
    return self.text
  }
}

extension ManifestTable {
  fileprivate var heading: String { self.title ?? self.subject }

  /// Where a page that shows Markdown puts the heading.
  fileprivate var anchor: String {
    String(
      self.heading.lowercased().filter { $0.isLetter || $0 == " " }.map { $0 == " " ? "-" : $0 })
  }
}

extension ManifestForm {
  /// The mappings that a value may be or hold.
  fileprivate var tables: [ManifestTable] {
    switch self {
    case .mapping(let table): [table]
    case .list(let form, _), .names(_, let form): form.tables
    case .either(let forms): forms.flatMap(\.tables)
    case .text, .integer, .decimal, .boolean, .words: []
    }
  }
}
