import Fleet

/// Numbers and truth values, with quotation marks or without: what templates and people write. What YAML
/// 1.1, YAML 1.2 and people read in one way is taken; what they do not, `010` and `1_000`, is refused with
/// what to write.
package enum ScalarText {
  /// As regular expressions of ECMA-262, for texts: numbers need none.
  package static let integerPattern = "^[-+]?(0|[1-9][0-9]*)$"
  package static let decimalPattern = #"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"#
  package static let booleanPattern =
    "^([Tt][Rr][Uu][Ee]|[Yy][Ee][Ss]|[Oo][Nn]|[Ff][Aa][Ll][Ss][Ee]|[Nn][Oo]|[Oo][Ff][Ff])$"

  static func integer(_ text: String) -> Int? {
    let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
    guard Self.isDigits(digits), digits == "0" || !digits.hasPrefix("0") else { return nil }
    return Int(text)
  }

  /// - Returns: The text itself: it is handed on as it is written.
  static func decimal(_ text: String) -> String? {
    let isPlain = text.utf8.allSatisfy { $0.isDigit || "+-.eE".utf8.contains($0) }
    return isPlain && Double(text)?.isFinite == true ? text : nil
  }

  static func boolean(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "yes", "on": true
    case "false", "no", "off": false
    default: nil
    }
  }

  private static func isDigits(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy(\.isDigit)
  }

  // MARK: What to write instead

  /// For a text that says a whole number in another way; `nil`: it does not.
  static func advice(integer text: String) -> String? {
    let text = Self.trimmed(text)
    if let number = Self.integer(text) { return "write `\(number)`, without blanks" }
    let parts = text.split { $0 == "," || $0.isWhitespace }.map(String.init)
    if parts.count > 1 {
      let isGrouped = parts.dropFirst().allSatisfy { $0.count == 3 && Self.isDigits($0) }
      if isGrouped, let number = Self.integer(parts.joined()) { return "write `\(number)`" }
      guard parts.allSatisfy({ Self.integer($0) != nil }) else { return nil }
      return "write one number, or `[\(parts.joined(separator: ", "))]` where a list can stand"
    }
    let digits = text.replacing("_", with: "")
    if let number = Self.integer(digits) { return "write `\(number)`" }
    if Self.isDigits(digits), let number = Int(digits) {
      let octal = Int(digits, radix: 8).map { ", or `\($0)` if it is octal" } ?? ""
      return "write `\(number)`\(octal): a zero before it can be read in two ways"
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
      if let number = Int(digits.dropFirst(2), radix: radix) { return "write `\(number)`" }
    }
    if let last = text.last, "kK".contains(last), let count = Int(text.dropLast()),
      (0..<1 << 40).contains(count)
    {
      return "write `\(count * 1000)` or `\(count * 1024)`"
    }
    let number = Self.decimal(digits).flatMap { Double($0) }.flatMap { Int(exactly: $0) }
    return number.map { "write `\($0)`" }
  }

  /// As ``advice(integer:)``, of a decimal number.
  static func advice(decimal text: String) -> String? {
    let text = Self.trimmed(text).replacing(",", with: ".")
    if text.hasSuffix("%"), let share = Double(text.dropLast()) { return "write `\(share / 100)`" }
    return Self.decimal(text).map { "write `\($0)`" }
  }

  static func advice(boolean text: String) -> String? {
    switch Self.trimmed(text).lowercased() {
    case "1", "y", "t", "enable", "enabled", "true", "yes", "on": "write `true`"
    case "0", "n", "f", "disable", "disabled", "false", "no", "off": "write `false`"
    default: nil
    }
  }

  private static func trimmed(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
