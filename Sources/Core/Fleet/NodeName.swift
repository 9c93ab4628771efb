/// The name of a node in the manifest, such as `gpu07`: ordered as people count, so that `gpu9` comes
/// before `gpu10`.
///
/// The order is that of ClusterShell's sets: names of one shape (`gpu#`, `gpu#-ib#`) stand together,
/// shapes in the order of their bytes; within a shape each number in turn decides, the one with
/// fewer digits first, so that `n9` < `n01` < `n10`.
package struct NodeName: Hashable, Sendable, CustomStringConvertible {
  package let rawValue: String

  package init(_ rawValue: String) {
    self.rawValue = rawValue
  }

  package var description: String { self.rawValue }
}

extension NodeName: Comparable {
  package static func < (lhs: Self, rhs: Self) -> Bool {
    var (left, right) = (lhs.rawValue, rhs.rawValue)
    return left.withUTF8 { left in right.withUTF8 { right in Self.order(left, right) < 0 } }
  }

  /// Negative where `left` comes first, positive where `right` does, 0 for the same bytes.
  private static func order(
    _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>
  ) -> Int {
    var (leftIndex, rightIndex) = (0, 0)
    var numberOrder = 0
    while true {
      let leftSymbol = Self.symbol(in: left, at: leftIndex)
      let rightSymbol = Self.symbol(in: right, at: rightIndex)
      if leftSymbol != rightSymbol { return leftSymbol - rightSymbol }
      switch leftSymbol {
      case Self.endSymbol:
        return numberOrder
      case Self.numberSymbol:
        let leftRun = left[leftIndex...].prefix(while: \.isDigit)
        let rightRun = right[rightIndex...].prefix(while: \.isDigit)
        if numberOrder == 0 { numberOrder = Self.numberOrder(leftRun, rightRun) }
        leftIndex += leftRun.count
        rightIndex += rightRun.count
      default:
        leftIndex += 1
        rightIndex += 1
      }
    }
  }

  private static let endSymbol = -1

  /// ClusterShell writes a number as `%s` and a percent sign as `%%` when it sorts shapes: a number
  /// comes right after a percent sign. Bytes have even symbols, which leaves room for it.
  private static let numberSymbol = 2 * Int(UInt8(ascii: "%")) + 1

  private static func symbol(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
    guard index < bytes.count else { return Self.endSymbol }
    let byte = bytes[index]
    return byte.isDigit ? Self.numberSymbol : 2 * Int(byte)
  }

  private static func numberOrder(
    _ left: Slice<UnsafeBufferPointer<UInt8>>, _ right: Slice<UnsafeBufferPointer<UInt8>>
  ) -> Int {
    if left.count != right.count { return left.count - right.count }
    for (a, b) in zip(left, right) where a != b { return Int(a) - Int(b) }
    return 0
  }
}
