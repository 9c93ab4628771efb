/// Takes the values of secrets out of any text that is written down or shown.
package struct Redactor: Sendable {
  /// Shorter values are not searched: they would be found in innocent words, which says more about
  /// the secret than it hides.
  package static let valueSizeMin = 4

  /// The longest first, so that a value that is part of another does not leave its rest behind.
  private let secrets: [(name: String, value: [UInt8])]

  /// - Parameter secrets: Names and values; values of less than ``valueSizeMin`` bytes are ignored.
  package init(_ secrets: [(name: String, value: String)]) {
    self.secrets =
      secrets
      .filter { $0.value.utf8.count >= Self.valueSizeMin }
      .flatMap { secret in
        Self.forms(of: secret.value).map { (name: secret.name, value: Array($0.utf8)) }
      }
      .sorted { ($1.value.count, $0.name) < ($0.value.count, $1.name) }
  }

  /// A value as it is, and as it stands in JSON (with and without what is not ASCII, and in JSON within
  /// JSON), in a text of Python, in quotation marks of a shell and in a URL.
  private static func forms(of value: String) -> Set<String> {
    func json(_ text: String) -> String { String(JSONText.quoted(text).dropFirst().dropLast()) }
    let ascii = json(value).utf16.map { unit in
      unit < 0x80 ? String(UnicodeScalar(UInt8(unit))) : "\\u" + unit.digits(4, radix: 16)
    }.joined()
    let python = value.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
    func url(uppercase: Bool) -> String {
      value.utf8.map { byte in
        let isPlain = byte.isWord || byte == 0x2D || byte == 0x2E || byte == 0x7E
        return isPlain
          ? String(UnicodeScalar(byte)) : "%" + byte.digits(2, radix: 16, uppercase: uppercase)
      }.joined()
    }
    return [
      value, json(value), json(json(value)), ascii, python, value.replacing("'", with: "'\\''"),
      url(uppercase: true), url(uppercase: false),
    ]
  }

  /// `text` with every value replaced by `[secret NAME]`; where two begin at one place, the longer.
  package func redact(_ text: String) -> String {
    guard !self.secrets.isEmpty else { return text }
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if let secret = self.secret(in: bytes, at: index) {
        result += Array("[secret \(secret.name)]".utf8)
        index += secret.value.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private func secret(in bytes: [UInt8], at index: Int) -> (name: String, value: [UInt8])? {
    self.secrets.first { secret in
      bytes[index] == secret.value[0] && bytes[index...].starts(with: secret.value)
    }
  }
}
