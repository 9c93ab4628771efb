/// Names that become folders on nodes.
package enum FolderName {
  /// So that paths stay within the limits of file systems and sockets.
  package static let lengthMax = 64

  /// Whether a text is 1 to 64 of `A-Za-z0-9._-`, and neither `.` nor `..`.
  package static func isFolderName(_ text: String) -> Bool {
    guard (1...Self.lengthMax).contains(text.utf8.count), text != ".", text != ".." else {
      return false
    }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }
}
