/// Takes out of a text what has the shape of a secret, where its value is not known: tokens of
/// well-known makers, `Bearer …`, the password of a URL, and `…_TOKEN=`, `…_KEY=`, `…_PASSWORD=`,
/// `…_SECRET=`, whether of a variable, of an option of a command line (`--api-key …`, in JSON too) or
/// of a dictionary as JSON and Python print it. Names, users and hosts stay.
package enum SecretShapes {
  /// What stands in its place.
  package static let mark = "[secret]"
  /// Ends of variables' names, in capitals.
  private static let nameEnds = ["TOKEN", "KEY", "PASSWORD", "SECRET"].map { Array($0.utf8) }
  /// How tokens begin; eight letters, digits, `-` or `_` follow at least.
  private static let tokenStarts = ["hf_", "sk-", "AKIA"].map { Array($0.utf8) }
  private static let tokenSizeMin = 8
  private static let backslash = UInt8(ascii: "\\")

  /// Whether a variable's value is a secret, going by its name.
  package static func isSecret(variable name: String) -> Bool {
    let bytes = name.utf8.map { (97...122).contains($0) ? $0 - 32 : $0 }
    return Self.nameEnds.contains { end in
      bytes.suffix(end.count) == end[...]
        && (bytes.count == end.count || bytes[bytes.count - end.count - 1] == UInt8(ascii: "_"))
    }
  }

  /// The same of a variable with its value: what people write where no key is asked for, and a path, are
  /// none.
  package static func isSecret(variable name: String, value: String) -> Bool {
    let isEmpty = ["", "empty", "none", "null", "dummy", "true", "false"].contains(
      value.lowercased())
    return Self.isSecret(variable: name) && !isEmpty && !value.hasPrefix("/")
  }

  /// What options of a process get that name a secret, one for each value: `--api-key` takes several.
  package static func values(in arguments: [String]) -> [(option: String, value: String)] {
    var found: [(option: String, value: String)] = []
    var option: String?
    for word in arguments {
      let name = String(word.prefix { $0 != "=" })
      if word.hasPrefix("-") {
        let variable = name.hasPrefix("--") ? String(name.dropFirst(2)) : ""
        let isSecret = Self.isSecret(variable: variable.replacing("-", with: "_"))
        if isSecret, name != word {
          found.append((name, String(word.dropFirst(name.count + 1))))
        }
        option = isSecret && name == word ? name : nil
      } else if let option {
        found.append((option, word))
      }
    }
    return found.filter { !$0.value.isEmpty }
  }

  /// `arguments` without what ``values(in:)`` finds, and without what has the shape of a secret.
  package static func redact(arguments: [String]) -> [String] {
    let found = Self.values(in: arguments)
    let values = Set(found.map(\.value))
    // Of one word a value goes to its end, whatever stands in it.
    let assigned = Set(found.map { "\($0.option)=\($0.value)" })
    return arguments.map { word in
      if values.contains(word) { return Self.mark }
      guard assigned.contains(word) else { return Self.redact(word) }
      return "\(word.prefix { $0 != "=" })=\(Self.mark)"
    }
  }

  /// - Complexity: O(size of the text).
  package static func redact(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    /// Where the word under the scan began.
    var wordStart = 0
    while index < bytes.count {
      if index == 0 || !bytes[index - 1].isWord { wordStart = index }
      if let range = Self.secret(in: bytes, at: index, wordStart: wordStart) {
        result += bytes[index..<range.lowerBound]
        result += Array(Self.mark.utf8)
        index = range.upperBound
        wordStart = index
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The secret that begins at `index`, or right behind the mark that does.
  private static func secret(
    in bytes: [UInt8], at index: Int, wordStart: Int
  ) -> Range<Int>? {
    if index == wordStart {
      for start in Self.tokenStarts where bytes[index...].starts(with: start) {
        let end = Self.end(in: bytes, from: index, while: Self.isToken)
        if end - index >= start.count + Self.tokenSizeMin { return index..<end }
      }
    }
    switch bytes[index] {
    case UInt8(ascii: " "):
      return Self.bearer(in: bytes, blank: index) ?? Self.argument(in: bytes, after: index)
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return Self.argument(in: bytes, after: index)
    case UInt8(ascii: "="):
      // A blank before it makes it no assignment of a shell.
      guard Self.isSecret(variable: Self.name(in: bytes, before: index)) else { return nil }
      return Self.value(in: bytes, from: index + 1)
    case UInt8(ascii: ":"):
      return Self.password(in: bytes, colon: index) ?? Self.member(in: bytes, colon: index)
    default: return nil
    }
  }

  private static func bearer(in bytes: [UInt8], blank: Int) -> Range<Int>? {
    let name = Self.name(in: bytes, before: blank)
    switch name.lowercased() {
    case "bearer": break
    // Elsewhere it is a word like any other.
    case "basic":
      let before = String(decoding: bytes[max(0, blank - 32)..<blank], as: UTF8.self)
      guard before.lowercased().contains("authorization") else { return nil }
    default: return nil
    }
    return Self.value(in: bytes, from: blank + 1)
  }

  /// Of `--api-key VALUE` and `"--api-key","VALUE"`: what ends the option is at `end`.
  private static func argument(in bytes: [UInt8], after end: Int) -> Range<Int>? {
    var start = end
    while start > 0, Self.isToken(bytes[start - 1]), end - start < 256 { start -= 1 }
    guard bytes[start..<end].starts(with: "--".utf8) else { return nil }
    let name = bytes[start..<end].map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    guard Self.isSecret(variable: String(decoding: name, as: UTF8.self)) else { return nil }
    var value = Self.end(in: bytes, from: end + 1, while: Self.isBlank)
    if Self.isQuote(bytes[end]) {
      guard value < bytes.count, bytes[value] == UInt8(ascii: ",") else { return nil }
      value = Self.end(in: bytes, from: value + 1, while: Self.isBlank)
      guard value < bytes.count, Self.isQuote(bytes[value]) else { return nil }
    }
    // Another option follows: this one has no value.
    guard value < bytes.count, bytes[value] != UInt8(ascii: "-") else { return nil }
    return Self.value(in: bytes, from: value)
  }

  /// Of `"api_key": "VALUE"`, `'api_key': ['VALUE', 'VALUE']`. A `key` alone is any name.
  private static func member(in bytes: [UInt8], colon: Int) -> Range<Int>? {
    guard colon > 0, Self.isQuote(bytes[colon - 1]) else { return nil }
    // JSON within JSON has a backslash before its quotation marks.
    var end = colon - 1
    while end > 0, bytes[end - 1] == Self.backslash { end -= 1 }
    let name = Self.name(in: bytes, before: end)
    guard Self.isSecret(variable: name), name.lowercased() != "key" else { return nil }
    let value = Self.end(in: bytes, from: colon + 1) {
      Self.isBlank($0) || $0 == UInt8(ascii: "[")
    }
    let quote = Self.end(in: bytes, from: value) { $0 == Self.backslash }
    guard quote < bytes.count, Self.isQuote(bytes[quote]),
      let first = Self.value(in: bytes, from: value)
    else { return nil }
    guard bytes[colon..<value].contains(UInt8(ascii: "[")) else { return first }
    // Of a list, all.
    let listEnd = Self.end(in: bytes, from: first.upperBound) {
      $0 != UInt8(ascii: "]") && $0 != 10
    }
    var last = bytes[first.upperBound..<listEnd].lastIndex(where: Self.isQuote) ?? first.upperBound
    while last > first.upperBound, bytes[last - 1] == Self.backslash { last -= 1 }
    return first.lowerBound..<last
  }

  /// Of `://user:password@host`: the colon before the password.
  private static func password(in bytes: [UInt8], colon: Int) -> Range<Int>? {
    let end = Self.end(in: bytes, from: colon + 1) {
      !Self.isBlank($0) && !"/?#\"'<>@".utf8.contains($0)
    }
    guard end < bytes.count, bytes[end] == UInt8(ascii: "@"), end > colon + 1 else { return nil }
    var start = colon
    while start > 0, !Self.isBlank(bytes[start - 1]), bytes[start - 1] != UInt8(ascii: "/") {
      start -= 1
      // A user's name is not longer.
      if colon - start > 256 { return nil }
    }
    guard start >= 3, Array(bytes[start - 3..<start]) == Array("://".utf8) else { return nil }
    return colon + 1..<end
  }

  /// A value up to its quote, or to the next blank or separator; `nil` for an empty one.
  private static func value(in bytes: [UInt8], from start: Int) -> Range<Int>? {
    let first = Self.end(in: bytes, from: start) { $0 == Self.backslash }
    if first < bytes.count, Self.isQuote(bytes[first]) {
      let end = Self.quotedEnd(in: bytes, from: first, depth: first - start)
      return end > first + 1 ? first + 1..<end : nil
    }
    guard start < bytes.count else { return nil }
    let end = Self.end(in: bytes, from: start) {
      !Self.isBlank($0) && !"\"',;&\\".utf8.contains($0)
    }
    return end > start ? start..<end : nil
  }

  /// Where a quoted value ends, without the backslashes that belong to its closing mark.
  ///
  /// - Parameters:
  ///   - first: The opening mark.
  ///   - depth: Backslashes before that: 0, and 1 or 3 in JSON within JSON. A mark with so many before
  ///     it, besides pairs of the value's own, is the closing one.
  private static func quotedEnd(in bytes: [UInt8], from first: Int, depth: Int) -> Int {
    var run = 0
    for index in bytes.indices[(first + 1)...] {
      switch bytes[index] {
      case Self.backslash: run += 1
      case bytes[first] where run % (2 * depth + 2) == depth: return index - depth
      case 10: return index
      default: run = 0
      }
    }
    return bytes.count
  }

  private static func name(in bytes: [UInt8], before end: Int) -> String {
    var start = end
    while start > 0, bytes[start - 1].isWord, end - start < 256 { start -= 1 }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  private static func end(
    in bytes: [UInt8], from start: Int, while isPart: (UInt8) -> Bool
  ) -> Int {
    var end = start
    while end < bytes.count, isPart(bytes[end]) { end += 1 }
    return end
  }

  private static func isQuote(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
  }

  private static func isToken(_ byte: UInt8) -> Bool { byte.isWord || byte == 45 }

  private static func isBlank(_ byte: UInt8) -> Bool { byte <= 32 }
}
