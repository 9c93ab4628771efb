/// The rule for names that become folders: of runs, nodes and services.
package enum FolderName {
  /// Longest name, in bytes, so that paths stay within the file system's limits.
  package static let lengthMax = 64
  /// The same rule as a regular expression of ECMA-262.
  package static let pattern = #"^(?![.-])[A-Za-z0-9._-]{1,64}$"#
  /// The rule in words, for hints.
  package static let hint = "write letters, digits, `-`, `_` and `.`, at most 64"

  /// Whether `text` is 1 to 64 letters and digits of ASCII, `-`, `_` and `.`, not first a `.` or `-`:
  /// neither a folder above, nor hidden, nor an option of a command.
  package static func accepts(_ text: String) -> Bool {
    guard (1...Self.lengthMax).contains(text.utf8.count), !text.hasPrefix("."),
      !text.hasPrefix("-")
    else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
  }
}
