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
      case "\0"..."\u{1F}", "\u{7F}"..."\u{A0}": result += "\\x" + Self.digits(scalar, 2)
      case "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}":
        result += "\\u" + Self.digits(scalar, 4)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private static func digits(_ scalar: Unicode.Scalar, _ width: Int) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return String(repeating: "0", count: width - digits.count) + digits
  }
}
