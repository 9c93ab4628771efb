/// Takes comments and the text of string literals out of Swift source, and keeps its lines.
struct SwiftCode {
  /// What becomes of the text of string literals.
  enum Literals {
    case dropped
    case kept
  }

  private let literals: Literals
  private let characters: [Character]
  private var index = 0
  private var result = ""

  static func strip(_ source: String, literals: Literals = .dropped) -> String {
    var code = SwiftCode(source, literals)
    code.readCode(until: nil)
    return code.result
  }

  private init(_ source: String, _ literals: Literals) {
    self.literals = literals
    self.characters = Array(source)
  }

  /// - Parameter close: The parenthesis that ends an interpolation; `nil` for the whole file.
  private mutating func readCode(until close: Character?) {
    var depth = 0
    while self.index < self.characters.count {
      let character = self.characters[self.index]
      if self.starts("//") {
        while self.index < self.characters.count, !self.characters[self.index].isNewline {
          self.index += 1
        }
      } else if self.starts("/*") {
        self.skipBlockComment()
      } else if let hashCount = self.stringStart() {
        self.readString(hashCount: hashCount)
      } else {
        if character == "(" { depth += 1 }
        if character == ")" {
          if depth == 0, close != nil { return }
          depth -= 1
        }
        self.result.append(character)
        self.index += 1
      }
    }
  }

  private mutating func skipBlockComment() {
    var depth = 0
    repeat {
      if self.starts("/*") {
        depth += 1
        self.index += 2
      } else if self.starts("*/") {
        depth -= 1
        self.index += 2
      } else {
        if self.characters[self.index].isNewline { self.result.append("\n") }
        self.index += 1
      }
    } while depth > 0 && self.index < self.characters.count
  }

  /// The number of `#` before the quotation mark that stands here; `nil` where none does.
  private func stringStart() -> Int? {
    var end = self.index
    while end < self.characters.count, self.characters[end] == "#" { end += 1 }
    guard end < self.characters.count, self.characters[end] == "\"" else { return nil }
    return end - self.index
  }

  private mutating func readString(hashCount: Int) {
    let hashes = String(repeating: "#", count: hashCount)
    self.index += hashCount
    let quote = self.starts("\"\"\"") ? "\"\"\"" : "\""
    self.index += quote.count
    self.result += "\""
    while self.index < self.characters.count {
      if self.starts(quote + hashes) {
        self.index += quote.count + hashCount
        break
      }
      if self.starts("\\" + hashes + "(") {
        self.index += hashCount + 2
        self.result += "("
        self.readCode(until: ")")
        self.index += 1
        self.result += ")"
      } else if self.starts("\\" + hashes) {
        self.index += hashCount + 2
      } else {
        let character = self.characters[self.index]
        if character.isNewline || self.literals == .kept { self.result.append(character) }
        self.index += 1
      }
    }
    self.result += "\""
  }

  private func starts(_ text: String) -> Bool {
    var position = self.index
    for character in text {
      guard position < self.characters.count, self.characters[position] == character else {
        return false
      }
      position += 1
    }
    return true
  }
}
