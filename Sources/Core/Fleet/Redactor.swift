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
      .map { (name: $0.name, value: Array($0.value.utf8)) }
      .filter { $0.value.count >= Self.valueSizeMin }
      .sorted { ($1.value.count, $0.name) < ($0.value.count, $1.name) }
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
