/// Classes of ASCII.
extension UInt8 {
  package var isDigit: Bool { (0x30...0x39).contains(self) }

  /// A letter, a digit or `_`.
  package var isWord: Bool {
    self.isDigit || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) || self == 0x5F
  }

  /// What stands for itself in a line that words are split from: neither blank nor control.
  package var isVisible: Bool { (0x21...0x7E).contains(self) }
}

extension BidirectionalCollection {
  /// Without the elements at both ends that are such.
  package func trimming(while isSuch: (Element) -> Bool) -> SubSequence {
    var rest = self.drop(while: isSuch)
    while let last = rest.last, isSuch(last) { rest.removeLast() }
    return rest
  }
}

extension BinaryInteger {
  /// In digits of a base, with zeros in front where there are fewer than `width`.
  package func digits(_ width: Int, radix: Int = 10, uppercase: Bool = false) -> String {
    let digits = String(self, radix: radix, uppercase: uppercase)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
