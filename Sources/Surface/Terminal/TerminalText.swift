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

  /// Scalars of one character that are shown: the longest of Unicode's own emoji sequences has 10.
  private static let scalarCountMax = 16

  /// `text` in one line with everything but letters, signs and the tab written out, as `\u{1B}`: what a
  /// node sends must not move the cursor, change the terminal's title, turn the direction of what
  /// follows round (UTS #55 on source code: bidirectional controls) or pile up over the lines above.
  package static func visible(_ text: String) -> String {
    if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) { return text }
    var result = ""
    for character in text {
      for scalar in character.unicodeScalars.prefix(Self.scalarCountMax) {
        if Self.isHidden(scalar) {
          result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
      if character.unicodeScalars.count > Self.scalarCountMax { result += "\u{FFFD}" }
    }
    return result
  }

  /// The same of a text with line feeds, which stay.
  package static func visibleLines(of text: String) -> String {
    // By scalars: CR and LF together are one character.
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      .map { Self.visible(String($0)) }.joined(separator: "\n")
  }

  /// `text` without SGR sequences, which only colour: the logs of many programs are full of them.
  /// Source: ECMA-48, section 8.3.117.
  package static func withoutColours(_ text: String) -> String {
    guard text.utf8.contains(0x1B) else { return text }
    let colour = /\u{1B}\[[0-9:;]*m/.matchingSemantics(.unicodeScalar)
    return text.replacing(colour, with: "")
  }

  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control: scalar != "\t"
    // The joiners of emoji and of some scripts show nothing of their own.
    case .format: scalar != "\u{200C}" && scalar != "\u{200D}"
    case .lineSeparator, .paragraphSeparator: true
    default: false
    }
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
