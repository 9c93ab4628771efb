/// The text of a file that somebody wrote, in whatever their editor makes of it.
package enum WrittenText {
  /// The bytes as UTF-8; as UTF-16 where they begin with that one's byte order mark, as what Windows
  /// writes does. What is neither becomes U+FFFD, which ``ManifestYAML`` tells of.
  package static func decode(_ bytes: [UInt8]) -> String {
    // A file that was cut at the limit must not become a shorter one that is whole.
    guard bytes.count <= ManifestYAML.maximumSize, bytes.count >= 2 else {
      return String(decoding: bytes, as: UTF8.self)
    }
    let high: Int
    switch (bytes[0], bytes[1]) {
    case (0xFF, 0xFE): high = 1
    case (0xFE, 0xFF): high = 0
    default: return String(decoding: bytes, as: UTF8.self)
    }
    let units = stride(from: 2, to: bytes.count - 1, by: 2).map { place in
      UInt16(bytes[place + high]) << 8 | UInt16(bytes[place + 1 - high])
    }
    return String(decoding: units, as: UTF16.self)
  }

  /// `text` without the byte order marks that lines begin with: an editor puts one at the top, and `cat`
  /// of several files leaves the others further down.
  static func withoutMarks(_ text: String) -> String {
    // The first byte of the mark.
    guard text.utf8.contains(0xEF) else { return text }
    var result = String.UnicodeScalarView()
    var isStart = true
    for scalar in text.unicodeScalars where scalar != "\u{FEFF}" || !isStart {
      result.append(scalar)
      isStart = scalar == "\n" || scalar == "\r"
    }
    return String(result)
  }

  /// The first character of a text that a reader of the text takes for a blank or does not see at all, as
  /// it is told; `nil`: none.
  static func unseen(in text: String) -> String? {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return nil }
    return text.unicodeScalars.first(where: Self.isUnseen).map(Self.spoken)
  }

  /// `U+00A0 (NO-BREAK SPACE)`.
  static func spoken(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let number = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    return scalar.properties.name.map { "\(number) (\($0))" } ?? number
  }

  private static func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .format, .lineSeparator, .paragraphSeparator: true
    case .spaceSeparator: scalar != " "
    default: false
    }
  }
}
