/// Names that become folders, of runs, nodes, services and replicas.
package enum FolderName {
  /// So that paths stay within the limits of file systems and sockets.
  package static let lengthMax = 64

  /// Whether a text is 1 to 64 of `A-Za-z0-9._-`, and neither `.` nor `..`.
  package static func isFolderName(_ text: String) -> Bool {
    (1...Self.lengthMax).contains(text.utf8.count) && text != "." && text != ".."
      && text.utf8.allSatisfy { $0.isWord || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
  }

  /// Whether people may give the name: not first a `.` or `-` either, so that it is neither hidden
  /// nor an option of a command.
  package static func isGivenName(_ text: String) -> Bool {
    Self.isFolderName(text) && !text.hasPrefix(".") && !text.hasPrefix("-")
  }

  /// The rule of given names as a regular expression of ECMA-262.
  package static let givenNamePattern = #"^(?![.-])[A-Za-z0-9._-]{1,64}$"#
  /// The rule of given names in words, for hints.
  package static let hint = "write letters, digits, `-`, `_` and `.`, at most \(lengthMax)"
}

/// The path of a request, such as `/metrics`.
package enum HTTPPath {
  /// Whether a text can stand in the first line of a request.
  package static func isPath(_ text: String) -> Bool {
    text.hasPrefix("/") && text.utf8.allSatisfy(\.isVisible)
  }
}
