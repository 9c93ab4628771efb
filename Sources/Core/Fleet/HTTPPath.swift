/// The path of a request, such as `/metrics`.
package enum HTTPPath {
  /// Whether a text can stand in the first line of a request.
  package static func isPath(_ text: String) -> Bool {
    text.utf8.first == UInt8(ascii: "/") && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}
