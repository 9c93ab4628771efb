/// What a text looks like on a terminal.
package enum TerminalText {
  /// Columns that `text` takes: 2 for the East Asian wide blocks and pictographs, 0 for marks that
  /// combine and for control characters, 1 for anything else.
  ///
  /// Source: Unicode Standard Annex #11; its wide blocks, not every single character.
  package static func width(of text: String) -> Int {
    text.reduce(0) { $0 + Self.width(of: $1) }
  }

  private static func width(of character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar.properties.generalCategory {
    case .control, .format, .nonspacingMark, .enclosingMark, .lineSeparator, .paragraphSeparator:
      return 0
    default:
      return Self.isWide(scalar.value) ? 2 : 1
    }
  }

  private static func isWide(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
      0xA000...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
      0x20000...0x3FFFD:
      true
    default:
      false
    }
  }

  /// `text` with every control character but the tab written as `\u{1B}`: what a node sends must
  /// not move the cursor or change the terminal's title.
  package static func visible(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: Self.isControl) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if Self.isControl(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control && scalar != "\t"
  }

  /// The longest beginning of `text` that takes at most `width` columns.
  package static func prefix(of text: String, width: Int) -> String {
    var (result, used) = ("", 0)
    for character in text {
      used += Self.width(of: character)
      guard used <= width else { break }
      result.append(character)
    }
    return result
  }
}
