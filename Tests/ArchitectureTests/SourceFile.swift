/// A file of the checkout: what the rules read.
struct SourceFile: Equatable {
  /// From the root of the checkout: `Sources/Core/Fleet/NodeSet.swift`.
  let path: String
  let text: String

  /// The lines without comments and without the text of string literals; none but in Swift.
  let codeLines: [String]

  /// The lines without comments; none but in Swift.
  var uncommentedLines: [String] {
    guard self.isSwift else { return [] }
    return SwiftCode.strip(self.text, literals: .kept)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  init(_ path: String, _ text: String) {
    self.path = path
    self.text = text
    self.codeLines =
      path.hasSuffix(".swift")
      ? SwiftCode.strip(text).split(separator: "\n", omittingEmptySubsequences: false)
        .map(String.init) : []
  }

  var name: String { self.components.last ?? "" }

  var components: [String] { self.path.split(separator: "/").map(String.init) }

  /// Written by a program: the house's rules of style are not for it.
  var isGenerated: Bool { self.components.contains("Generated") }

  var isSwift: Bool { self.path.hasSuffix(".swift") }

  /// Of `Sources/<Layer>/<Target>/…` and `Tests/<Target>/…`; `nil` elsewhere.
  var target: String? {
    let components = self.components
    switch components.first {
    case "Sources" where components.count > 3: return components[2]
    case "Tests" where components.count > 2: return components[1]
    default: return nil
    }
  }

  /// Of `Sources/<Layer>/<Target>/…`; `nil` elsewhere.
  var layer: Layer? {
    let components = self.components
    guard components.first == "Sources", components.count > 3 else { return nil }
    return Layer(folder: components[1])
  }

  /// The modules that the file imports, in their order.
  var imports: [String] {
    self.codeLines.compactMap { line in
      var words = line.split(separator: " ")
      while let first = words.first, first != "import" {
        guard first.hasPrefix("@") || ["package", "internal", "public", "private"].contains(first)
        else { return nil }
        words.removeFirst()
      }
      guard words.count > 1 else { return nil }
      let kinds = ["struct", "class", "enum", "func", "protocol", "typealias", "let", "var"]
      let module = kinds.contains(String(words[1])) && words.count > 2 ? words[2] : words[1]
      return module.split(separator: ".").first.map(String.init)
    }
  }
}

/// The layers of the house, from the ground up.
enum Layer: Int, CaseIterable, Comparable {
  case core
  case edge
  case runtime
  case surface

  init?(folder: String) {
    guard let layer = Self.allCases.first(where: { $0.folder == folder }) else { return nil }
    self = layer
  }

  var folder: String {
    switch self {
    case .core: "Core"
    case .edge: "Edge"
    case .runtime: "Runtime"
    case .surface: "Surface"
    }
  }

  static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}
