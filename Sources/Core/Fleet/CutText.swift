extension String {
  /// Its longest beginning that has at most so many bytes of UTF-8.
  ///
  /// A number of characters says nothing about a size: one can have thousands of combining marks.
  package func cut(toBytes size: Int) -> String {
    guard self.utf8.count > size else { return self }
    var end = self.utf8.index(self.startIndex, offsetBy: size)
    while end.samePosition(in: self.unicodeScalars) == nil { end = self.utf8.index(before: end) }
    return String(self[..<end])
  }
}
