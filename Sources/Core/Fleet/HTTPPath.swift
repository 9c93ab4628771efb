/// The path of a request, such as `/metrics`.
package enum HTTPPath {
  /// Whether a text can stand in the first line of a request.
  package static func isPath(_ text: String) -> Bool {
    text.hasPrefix("/") && text.utf8.allSatisfy(\.isVisible)
  }
}
