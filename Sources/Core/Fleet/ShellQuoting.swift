/// Quoting for a POSIX shell.
package enum ShellQuoting {
  /// `word` as one word of a shell's command line; unchanged where nothing in it is special.
  package static func quote(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { $0.isWord || "-./:=,@+%".utf8.contains($0) }
    return isPlain && !word.isEmpty ? word : "'\(word.replacing("'", with: "'\\''"))'"
  }

  /// The words of a line, as a shell parts them by blanks and quotation marks. A backslash alone, which
  /// joins lines, is none.
  ///
  /// - Returns: `nil` where a shell's words would not be what is meant: quotation marks without their
  ///   other, or within a word, as those of JSON are; braces with blanks; `=` with a blank before it.
  package static func split(_ line: String) -> [String]? {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isClosed = false
    // With a blank that ends the last word.
    for character in line + " " {
      if character == quote {
        (quote, isClosed) = (nil, true)
      } else if quote != nil {
        word?.append(character)
      } else if character.isWhitespace {
        guard let ended = word else { continue }
        let isTorn = ended.hasPrefix("=") || ended.hasPrefix("{") && !ended.hasSuffix("}")
        if isTorn, !isClosed { return nil }
        words.append(ended)
        (word, isClosed) = (nil, false)
      } else if isClosed {
        return nil
      } else if character == "'" || character == "\"" {
        guard word?.hasSuffix("=") ?? true else { return nil }
        (quote, word) = (character, word ?? "")
      } else {
        word = (word ?? "") + String(character)
      }
    }
    return quote == nil ? words.filter { $0 != "\\" } : nil
  }

  /// The words as one command line.
  package static func join(_ words: [String]) -> String {
    words.map(Self.quote).joined(separator: " ")
  }
}

/// Quoting for YAML.
package enum YAMLQuoting {
  /// `text` in double quotes: any YAML reader gives it back as it was. Source: YAML 1.2.2, section
  /// 5.7; what it calls not printable, and its line breaks, are escaped.
  package static func quote(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\0"..."\u{1F}", "\u{7F}"..."\u{A0}":
        result += "\\x" + scalar.value.digits(2, radix: 16, uppercase: true)
      case "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}":
        result += "\\u" + scalar.value.digits(4, radix: 16, uppercase: true)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
